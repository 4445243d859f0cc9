from __future__ import annotations

import pytest

from functions.archiver.errors import Rejected, Unavailable
from functions.archiver.http.client import Http
from tests.doubles.http_client import SECRET, Slots, Token, fetch, redirect
from tests.doubles.http_server import HttpServer, Reply


def test_credentials_follow_a_redirect_within_the_origin(server: HttpServer, http: Http) -> None:
    server.on("/audio", redirect("there?x=1"))
    server.on("/there", Reply(body=b"x"))
    assert fetch(http, auth=Token(), headers={"X-Auth-Token": "t"}, params={"key": SECRET}) == b"x"
    assert server.requests[1].headers["authorization"] == "Bearer old"
    assert server.requests[1].headers["x-auth-token"] == "t"
    assert server.requests[1].query == {"x": "1"}


def test_credentials_do_not_follow_a_redirect_to_another_port(
    server: HttpServer, elsewhere: HttpServer, http: Http
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed?sig=1"))
    elsewhere.on("/signed", Reply(body=b"x"))
    headers = {"X-Auth-Token": "t", "Accept": "audio/*", "Cookie": "a=b"}
    fetch(http, auth=Token(), headers=headers, params={"key": SECRET})
    seen = elsewhere.requests[0]
    assert set(seen.headers) <= {"host", "accept", "accept-encoding", "user-agent", "connection"}
    assert (seen.headers["accept"], seen.query) == ("audio/*", {"sig": "1"})


def test_a_get_with_a_body_leaves_it_behind(server: HttpServer, elsewhere: HttpServer, http: Http) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed", 307))
    elsewhere.on("/signed", Reply(body=b"x"))
    fetch(http, form={"key": SECRET})
    assert (server.requests[0].body, elsewhere.requests[0].body) == (b"key=s3cret-value", b"")


def test_credentials_do_not_come_back_with_a_redirect_from_elsewhere(
    server: HttpServer, elsewhere: HttpServer, http: Http
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed"))
    elsewhere.on("/signed", redirect(f"{server.url}/back"))
    server.on("/back", Reply(body=b"x"))
    fetch(http, auth=Token())
    assert "authorization" not in server.requests[1].headers


def test_a_401_at_the_end_of_a_detour_says_nothing_about_our_credentials(
    server: HttpServer, elsewhere: HttpServer, http: Http
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed"))
    elsewhere.on("/signed", redirect(f"{server.url}/back", 303))
    server.on("/back", Reply(status=401))
    token = Token()
    with pytest.raises(Rejected):
        fetch(http, auth=token)
    assert token.renewals == 0


def test_credentials_are_not_sent_to_an_absolute_url_of_another_origin(
    server: HttpServer, elsewhere: HttpServer, http: Http
) -> None:
    elsewhere.on("/signed", Reply(body=b"x"))
    params = {"key": SECRET, "copy": "s3cret-value", "many": ["s3cret-value"], "format": "wav"}
    fetch(http, f"{elsewhere.url}/signed", auth=Token(), headers={"X-Auth-Token": "t"}, params=params)
    seen = elsewhere.requests[0]
    assert not {"authorization", "x-auth-token"} & set(seen.headers)
    assert seen.query == {"format": "wav"}


def test_a_body_is_never_sent_to_another_origin(server: HttpServer, elsewhere: HttpServer, http: Http) -> None:
    with pytest.raises(Unavailable, match="would leave the host of base_url"):
        http.call("token", "POST", f"{elsewhere.url}/token", form={"a": "b"})
    for method in ("POST", "PUT", "DELETE"):
        for status in (302, 303, 307):
            server.on("/token", redirect(f"{elsewhere.url}/token", status))
            with pytest.raises(Unavailable, match="redirected to another host"):
                http.call("token", method, "/token", form={"a": "b"})
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "GET", "GET"),
    ],
)
def test_a_redirect_keeps_or_changes_the_method_as_http_says(
    server: HttpServer, http: Http, status: int, method: str, becomes: str
) -> None:
    server.on("/token", redirect("/there", status))
    server.on("/there", Reply())
    http.call("token", method, "/token", form=None if method == "GET" else {"a": "b"})
    assert server.requests[1].method == becomes
    assert server.requests[1].body == (b"" if becomes == "GET" else b"a=b")


def test_five_redirects_are_followed_and_a_sixth_is_not(server: HttpServer, http: Http, slots: Slots) -> None:
    server.on("/audio", *[redirect("/audio")] * 5, Reply(body=b"x"))
    assert fetch(http) == b"x"
    server.on("/audio", redirect("/audio"))
    with pytest.raises(Rejected, match="more than 5 times"):
        fetch(http)
    assert len(slots.booked) == len(server.requests) == 12


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/a\tb",
        "http://",
        "http://a\\b/",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
    ],
)
def test_a_redirect_to_nowhere_sensible_is_refused(server: HttpServer, http: Http, location: str) -> None:
    server.on("/audio", redirect(location))
    with pytest.raises(Rejected) as caught:
        fetch(http)
    assert "pw" not in caught.value.reason
    server.on("/list", redirect(location))
    with pytest.raises(Unavailable):
        http.call("list", "GET", "/list")


def test_a_redirect_in_handles_is_returned(server: HttpServer, http: Http) -> None:
    server.on("/audio", redirect("/there"))
    assert http.call("link", "GET", "/audio", handles={302}).headers["location"] == "/there"
    assert len(server.requests) == 1


def test_a_redirects_body_is_not_read(server: HttpServer, http: Http) -> None:
    server.on("/audio", redirect("/there", body=b"x" * 1000, cut=10, then="stall"))
    server.on("/there", Reply(body=b"x"))
    assert fetch(http) == b"x"
