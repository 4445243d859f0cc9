"""Further origins: they get the credentials with requests of their purpose, and nothing else changes."""

from __future__ import annotations

import pytest

from functions.archiver.errors import Rejected, Unauthorized, Unavailable
from functions.archiver.provider.declaration import Purpose
from tests.doubles.http_client import SECRET, Slots, Token, fetch, http_to, redirect
from tests.doubles.http_server import HttpServer, Reply


def test_a_token_is_asked_for_with_the_credentials_at_its_own_origin_and_outside_of_the_rate(
    server: HttpServer, elsewhere: HttpServer, slots: Slots
) -> None:
    http = http_to(server.url, slots, origins={"token": elsewhere.url})
    elsewhere.on("/oauth/token", Reply(body=b'{"access_token": "t"}'))
    answer = http.call("token", "POST", "/oauth/token", at="token", form={"secret": SECRET}, auth=Token())
    assert answer.json() == {"access_token": "t"}
    assert elsewhere.requests[0].headers["authorization"] == "Bearer old"
    assert elsewhere.requests[0].body == b"secret=s3cret-value"
    assert slots.booked == []


def test_audio_at_the_media_origin_gets_the_credentials_and_counts_in_the_rate(
    server: HttpServer, elsewhere: HttpServer, slots: Slots
) -> None:
    http = http_to(server.url, slots, origins={"media": elsewhere.url})
    elsewhere.on("/audio", Reply(body=b"x"))
    assert fetch(http, f"{elsewhere.url}/audio", auth=Token(), at="media") == b"x"
    assert elsewhere.requests[0].headers["authorization"] == "Bearer old"
    assert slots.booked == ["media"]


def test_a_refused_token_is_renewed_at_the_media_origin_as_well(server: HttpServer, elsewhere: HttpServer) -> None:
    http = http_to(server.url, origins={"media": elsewhere.url})
    elsewhere.on("/audio", Reply(status=401), Reply(body=b"x"))
    assert fetch(http, f"{elsewhere.url}/audio", auth=Token(), at="media") == b"x"
    assert elsewhere.requests[1].headers["authorization"] == "Bearer new"


def test_an_absolute_link_of_the_media_request_may_still_lead_home(server: HttpServer, elsewhere: HttpServer) -> None:
    http = http_to(server.url, origins={"media": elsewhere.url})
    server.on("/audio", Reply(body=b"x"))
    assert fetch(http, f"{server.url}/audio", auth=Token(), at="media") == b"x"
    assert server.requests[0].headers["authorization"] == "Bearer old"


@pytest.mark.parametrize("at", [None, "token"])
def test_an_origin_gets_no_credentials_with_requests_of_another_purpose(
    server: HttpServer, elsewhere: HttpServer, at: Purpose | None
) -> None:
    http = http_to(server.url, origins={"media": elsewhere.url})
    elsewhere.on("/audio", Reply(body=b"x"))
    fetch(http, f"{elsewhere.url}/audio", auth=Token(), at=at, params={"key": SECRET, "page": 1})
    assert "authorization" not in elsewhere.requests[0].headers
    assert elsewhere.requests[0].query == {"page": "1"}
    with pytest.raises(Unavailable, match="would leave the host"):
        http.call("token", "POST", f"{elsewhere.url}/token", at=at, form={"secret": SECRET})


def test_a_redirect_from_a_further_origin_is_not_trusted_even_when_it_leads_home(
    server: HttpServer, elsewhere: HttpServer
) -> None:
    http = http_to(server.url, origins={"media": elsewhere.url})
    elsewhere.on("/audio", redirect(f"{server.url}/file"))
    server.on("/file", Reply(status=401))
    token = Token()
    with pytest.raises(Rejected):
        fetch(http, f"{elsewhere.url}/audio", auth=token, at="media")
    assert "authorization" not in server.requests[0].headers
    assert token.renewals == 0


def test_a_redirect_to_a_further_origin_is_not_trusted(server: HttpServer, elsewhere: HttpServer) -> None:
    http = http_to(server.url, origins={"media": elsewhere.url})
    server.on("/audio", redirect(f"{elsewhere.url}/file"))
    elsewhere.on("/file", Reply(body=b"x"))
    fetch(http, f"{server.url}/audio", auth=Token(), at="media")
    assert server.requests[0].headers["authorization"] == "Bearer old"
    assert "authorization" not in elsewhere.requests[0].headers


def test_a_token_request_is_never_redirected_to_another_host(server: HttpServer, elsewhere: HttpServer) -> None:
    http = http_to(server.url, origins={"token": elsewhere.url})
    elsewhere.on("/token", redirect(f"{server.url}/token", 307))
    with pytest.raises(Unavailable, match="redirected to another host"):
        http.call("token", "POST", "/token", at="token", form={"secret": SECRET})
    assert server.requests == []


def test_refused_credentials_at_the_token_origin_are_unauthorized(server: HttpServer, elsewhere: HttpServer) -> None:
    http = http_to(server.url, origins={"token": elsewhere.url})
    elsewhere.on("/token", Reply(status=401))
    with pytest.raises(Unauthorized):
        http.call("token", "POST", "/token", at="token", form={"secret": SECRET})


def test_without_a_further_origin_everything_is_at_home(server: HttpServer, slots: Slots) -> None:
    http = http_to(server.url, slots)
    server.on("/token", Reply(body=b"{}"))
    http.call("token", "POST", "/token", at="token", form={"secret": SECRET})
    assert slots.booked == ["token"]


def test_a_token_origin_that_is_the_home_counts_in_the_rate(server: HttpServer, slots: Slots) -> None:
    http = http_to(server.url, slots, origins={"token": f"{server.url}/"})
    server.on("/token", Reply(body=b"{}"))
    http.call("token", "POST", "/token", at="token", form={"secret": SECRET})
    assert slots.booked == ["token"]
