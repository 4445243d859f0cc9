from __future__ import annotations

from pathlib import Path

import pytest

from functions.archiver.errors import Closed, Outcome, Rejected
from functions.archiver.http import connections
from functions.archiver.http.client import Http, segment
from tests.doubles.http_client import SECRET, ShutSlots, Slots, Token, fetch, http_to, redirect
from tests.doubles.http_server import HttpServer, Reply


def test_a_path_is_joined_to_a_base_url_that_has_a_path(server: HttpServer) -> None:
    server.on("/v2/accounts/7", Reply())
    http_to(f"{server.url}/v2/").call("list", "GET", "/accounts/7", params={"page": 2, "max": None})
    assert server.requests[0].query == {"page": "2"}


def test_an_absolute_url_is_asked_as_it_is(server: HttpServer) -> None:
    server.on("/elsewhere", Reply(body=b"x"))
    assert fetch(http_to(f"{server.url}/v2"), f"{server.url}/elsewhere?sig=1") == b"x"
    assert server.requests[0].query == {"sig": "1"}


def test_a_path_with_two_slashes_stays_with_the_base_url(server: HttpServer, http: Http) -> None:
    server.on("/evil.example/x", Reply())
    http.call("list", "GET", "//evil.example/x")
    assert server.paths() == ["/evil.example/x"]


@pytest.mark.parametrize("path", ["/a\\b", "/a\nb", "/a\x7fb", "/" + "a" * 20_000])
def test_a_link_that_is_no_url_is_not_asked(server: HttpServer, http: Http, path: str) -> None:
    with pytest.raises(Rejected, match="no valid URL"):
        fetch(http, server.url + path)
    assert server.requests == []


@pytest.mark.parametrize("target", ["/recordings/..", "/recordings/../account", "/a/./b"])
def test_a_path_that_climbs_is_not_asked_for(server: HttpServer, http: Http, target: str) -> None:
    with pytest.raises(Rejected, match="would leave its path"):
        http.call("media", "GET", target, of="recording")
    assert server.requests == []


@pytest.mark.parametrize(
    ("id_", "sent"),
    [
        ("..", "/recordings/%2E%2E/audio"),
        (".", "/recordings/%2E/audio"),
        ("../account", "/recordings/..%2Faccount/audio"),
        ("..\\account", "/recordings/..%5Caccount/audio"),
        ("a b/ü", "/recordings/a%20b%2F%C3%BC/audio"),
        ("%2E%2E", "/recordings/%252E%252E/audio"),
        ("a.wav", "/recordings/a.wav/audio"),
    ],
)
def test_an_id_stays_one_segment_of_its_path(server: HttpServer, http: Http, id_: str, sent: str) -> None:
    server.on(sent, Reply(body=b"{}"))
    http.call("media", "GET", f"/recordings/{segment(id_)}/audio", of="recording", params={"a": "b"})
    assert server.paths() == [sent]
    assert server.requests[0].query == {"a": "b"}


def test_every_request_names_itself_and_asks_for_identity(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply())
    http.call("list", "GET", "/list", headers={"Accept": "application/json", "Accept-Encoding": "gzip"})
    headers = server.requests[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == "call-recording-archiver"
    assert headers["accept"] == "application/json"


def test_form_json_and_secret_parameters_are_sent(server: HttpServer, http: Http) -> None:
    server.on("/token", Reply(status=201))
    http.call(
        "token", "POST", "/token", params={"list": ["a", "b"], "key": SECRET}, form={"grant": "client", "k": SECRET}
    )
    http.call("token", "PUT", "/token", json={"data": [1]})
    form, document = server.requests
    assert (form.method, form.body) == ("POST", b"grant=client&k=s3cret-value")
    assert form.query["key"] == "s3cret-value"
    assert (document.method, document.body) == ("PUT", b'{"data": [1]}')


def test_cookies_are_not_kept(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(headers={"Set-Cookie": "session=1; Path=/"}))
    http.call("list", "GET", "/list")
    http.call("list", "GET", "/list")
    assert "cookie" not in server.requests[1].headers


def test_proxies_and_passwords_of_the_environment_are_ignored(
    server: HttpServer, http: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server.on("/list", Reply())
    assert http.call("list", "GET", "/list").status == 200
    assert "authorization" not in server.requests[0].headers


def test_a_connection_is_used_again(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(body=b"{}"))
    server.on("/audio", Reply(body=b"x" * 300_000, framing="chunked"))
    server.on("/moved", redirect("/list"))
    for target in ("/list", "/audio", "/moved"):
        fetch(http, target)
    assert len({seen.connection for seen in server.requests}) == 1


def test_a_connection_idle_for_too_long_is_opened_anew(
    server: HttpServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", -1.0)
    server.on("/list", Reply(body=b"{}"))
    http.call("list", "GET", "/list")
    http.call("list", "GET", "/list")
    assert len({seen.connection for seen in server.requests}) == 2


def test_every_exchange_books_a_slot_redirects_and_repeats_included(
    server: HttpServer, http: Http, slots: Slots
) -> None:
    server.on("/audio", redirect("/there"))
    server.on("/there", Reply(status=401), Reply(body=b"x"))
    fetch(http, auth=Token())
    assert server.paths() == ["/audio", "/there"] * 2
    assert slots.booked == ["media"] * 4


def test_a_closed_pace_sends_nothing(server: HttpServer) -> None:
    with pytest.raises(Closed):
        Http(base_url=server.url, slots=ShutSlots(), allow_private=True).call("list", "GET", "/list")
    assert server.requests == []


def test_other_hosts_are_not_paced(server: HttpServer, elsewhere: HttpServer, slots: Slots) -> None:
    elsewhere.on("/signed", Reply(body=b"x"))
    assert fetch(http_to(server.url, slots), f"http://localhost:{elsewhere.port}/signed") == b"x"
    assert slots.booked == []


@pytest.mark.parametrize("domain", ["localhost", "LOCALHOST."])
def test_hosts_of_the_providers_domains_are_paced(
    server: HttpServer, elsewhere: HttpServer, slots: Slots, domain: str
) -> None:
    server.on("/audio", redirect(f"http://localhost:{elsewhere.port}/signed"))
    elsewhere.on("/signed", Reply(body=b"x"))
    fetch(http_to(server.url, slots, domains=[domain]))
    assert slots.booked == ["media", "media"]


def test_a_domain_covers_hosts_below_it_and_no_name_that_merely_ends_alike(slots: Slots) -> None:
    http = http_to("https://127.0.0.1:1", slots, domains=["example.test"], allow_private=False)
    for host in ("media.example.test", "notexample.test"):
        with pytest.raises(Outcome):
            fetch(http, f"https://{'x' * 64}.{host}/")
    assert slots.booked == ["media"]
