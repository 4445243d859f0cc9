from __future__ import annotations

import datetime as dt
import logging
import math
import socket
import ssl
import traceback
from collections.abc import Iterator, Mapping
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.archiver import addresses, answers
from functions.archiver.addresses import is_metadata, is_public
from functions.archiver.answers import Of, seconds_of
from functions.archiver.errors import (
    Closed,
    Gone,
    NotFound,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from functions.archiver.http import Http
from functions.archiver.secret import Secret
from tests.http_server import HttpServer, Reply

SECRET = Secret("s3cret-value")


class Slots:
    def __init__(self) -> None:
        self.booked: list[str] = []

    def book(self, kind: str) -> None:
        self.booked.append(kind)


class ShutSlots:
    def book(self, kind: str) -> None:
        raise Closed("paused", until=dt.datetime.now(dt.UTC))


class Token:
    """Credentials that become good when they are renewed."""

    def __init__(self, *, renewable: bool = True) -> None:
        self.value = "old"
        self.renewable = renewable
        self.renewals = 0

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.value}"}

    def renew(self) -> bool:
        self.renewals += 1
        self.value = "new"
        return self.renewable


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def slots() -> Slots:
    return Slots()


@pytest.fixture
def http(server: HttpServer, slots: Slots) -> Http:
    return http_to(server.url, slots)


def http_to(url: str, slots: Slots | None = None, **options: Any) -> Http:
    return Http(**{"base_url": url, "slots": slots or Slots(), "allow_private": True, "secrets": [SECRET], **options})


def fetch(http: Http, target: str = "/audio", **options: Any) -> bytes:
    with http.stream("media", target, **options) as body:
        return b"".join(body.chunks())


def redirect(to: str, status: int = 302, **options: Any) -> Reply:
    return Reply(status=status, headers={"Location": to}, **options)


# requests


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


@pytest.mark.parametrize("target", ["/recordings/..", "/recordings/../account", "/a/%2E%2e/b", "/a/./b"])
def test_an_id_cannot_climb_out_of_its_path(server: HttpServer, http: Http, target: str) -> None:
    with pytest.raises(Rejected, match="would leave its path"):
        http.call("media", "GET", target, of="recording")
    assert server.requests == []


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


def test_proxies_of_the_environment_are_ignored(
    server: HttpServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.on("/list", Reply())
    assert http.call("list", "GET", "/list").status == 200


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
    monkeypatch.setattr(addresses, "IDLE_SECONDS", -1.0)
    server.on("/list", Reply(body=b"{}"))
    http.call("list", "GET", "/list")
    http.call("list", "GET", "/list")
    assert len({seen.connection for seen in server.requests}) == 2


# pace


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


# credentials and redirects


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


def test_credentials_do_not_come_back_with_a_redirect_from_elsewhere(
    server: HttpServer, elsewhere: HttpServer, http: Http
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed"))
    elsewhere.on("/signed", redirect(f"{server.url}/back"))
    server.on("/back", Reply(body=b"x"))
    fetch(http, auth=Token())
    assert "authorization" not in server.requests[1].headers


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


# addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::1]", "0.0.0.0"])
@pytest.mark.parametrize("of", ["source", "recording"])
def test_a_private_address_is_refused_unless_the_source_allows_it(server: HttpServer, host: str, of: Of) -> None:
    http = http_to(f"https://{host}:{server.port}", allow_private=False)
    kind = Rejected if of == "recording" else Unavailable
    with pytest.raises(kind, match="resolves to a private address; set allow_private_addresses") as caught:
        http.call("list", "GET", "/list", of=of, params={"key": SECRET})
    assert "key" not in caught.value.reason
    assert server.requests == []


def test_plain_http_is_refused_unless_the_source_allows_private_addresses(server: HttpServer) -> None:
    with pytest.raises(Unavailable, match="not https"):
        http_to(server.url, allow_private=False).call("list", "GET", "/list")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_metadata_addresses_are_refused_even_for_a_self_hosted_provider(
    server: HttpServer, http: Http, host: str
) -> None:
    server.on("/audio", redirect(f"http://{host}/latest/meta-data/?x=s3cret-value"))
    with pytest.raises(Rejected, match="link-local or metadata address") as caught:
        fetch(http)
    assert "latest" not in caught.value.reason


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::10.0.0.1", "2002:7f00:1::1", "64:ff9b::a00:1", "64:ff9b:1::808:808"),
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_no_private_address_passes_for_a_public_one(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
    assert not is_metadata(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "::1", "fd12::1"])
def test_private_addresses_are_no_metadata_addresses(address: str) -> None:
    assert not is_metadata(address)


def names(monkeypatch: pytest.MonkeyPatch, table: Mapping[str, list[list[str]]]) -> list[str]:
    """Makes names resolve to one list of addresses after the other; returns what was looked up."""
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> Any:
        if host not in table:
            return real(host, port, *args, **options)
        found = table[host][min(looked_up.count(host), len(table[host]) - 1)]
        looked_up.append(host)
        return [entry for address in found for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"files.test": [["8.8.8.8", "10.0.0.1"]]})
    with pytest.raises(Rejected, match=r"host files.test resolves to a private address"):
        fetch(http_to("https://files.test", allow_private=False))


def test_the_connection_goes_to_the_address_that_was_judged(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = names(monkeypatch, {"rebinding.test": [["127.0.0.1"], ["169.254.169.254"]]})
    server.on("/audio", Reply(body=b"x"))
    assert fetch(http_to(f"http://rebinding.test:{server.port}")) == b"x"
    assert looked_up == ["rebinding.test"]
    assert server.requests[0].headers["host"] == f"rebinding.test:{server.port}"


def test_every_new_connection_is_judged_anew(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"rebinding.test": [["127.0.0.1"], ["169.254.169.254"]]})
    server.on("/audio", Reply(body=b"x", framing="close"))
    http = http_to(f"http://rebinding.test:{server.port}")
    fetch(http)
    with pytest.raises(Rejected, match="metadata"):
        fetch(http)


def test_an_address_that_refuses_is_followed_by_the_next(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"files.test": [["127.0.0.2", "127.0.0.1"]]})
    server.on("/audio", Reply(body=b"x"))
    assert fetch(http_to(f"http://files.test:{server.port}")) == b"x"


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and 127.0.0.2, its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HttpServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HttpServer(tls=context) as running:
        running.on("/audio", Reply(body=b"x"))
        yield running


def test_tls_verifies_the_name_although_the_connection_goes_to_an_address(
    tls_server: HttpServer, certificate: Path
) -> None:
    named = http_to(f"https://localhost:{tls_server.port}", ca_file=str(certificate))
    assert fetch(named) == b"x"
    numbered = http_to(f"https://127.0.0.1:{tls_server.port}", ca_file=str(certificate))
    with pytest.raises(Unavailable, match=r"to 127.0.0.1 failed: TLS failed"):
        fetch(numbered)


def test_an_unknown_certificate_is_not_trusted(tls_server: HttpServer) -> None:
    with pytest.raises(Unavailable, match="TLS failed"):
        fetch(http_to(f"https://localhost:{tls_server.port}"))


def test_a_redirect_from_https_to_http_is_refused(
    tls_server: HttpServer, server: HttpServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls_server.on("/audio", redirect(f"http://localhost:{server.port}/audio"))
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    http = http_to(f"https://localhost:{tls_server.port}", ca_file=str(certificate), allow_private=False)
    with pytest.raises(Rejected, match="not https"):
        fetch(http)
    assert server.requests == []


# statuses


@pytest.mark.parametrize(
    ("status", "of_source", "of_recording"),
    [
        (400, Unavailable, Rejected),
        (401, Unauthorized, Unauthorized),
        (403, Unauthorized, Rejected),
        (404, Unavailable, NotFound),
        (405, Unavailable, Rejected),
        (408, Unavailable, Unavailable),
        (410, Unavailable, Gone),
        (425, Unavailable, Unavailable),
        (429, Throttled, Throttled),
        (500, Unavailable, Unavailable),
        (502, Unavailable, Unavailable),
        (503, Unavailable, Unavailable),
        (599, Unavailable, Unavailable),
        (304, Unavailable, Rejected),
        (206, Unavailable, Rejected),
    ],
)
def test_every_status_has_its_outcome(
    server: HttpServer, http: Http, status: int, of_source: type[Outcome], of_recording: type[Outcome]
) -> None:
    server.on("/x", Reply(status=status))
    with pytest.raises(Outcome) as source:
        http.call("list", "GET", "/x", params={"key": SECRET})
    with pytest.raises(Outcome) as recording:
        fetch(http, "/x", params={"key": SECRET})
    assert (type(source.value), type(recording.value)) == (of_source, of_recording)
    assert str(status) in source.value.reason
    assert "key" not in source.value.reason
    assert len(server.requests) == 2  # and nothing was asked twice
    assert http.call("list", "GET", "/x", handles={status}).status == status


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_is_returned(server: HttpServer, http: Http, status: int) -> None:
    server.on("/x", Reply(status=status))
    assert http.call("list", "GET", "/x").status == status


def test_a_part_is_taken_when_a_part_was_asked_for(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=206, body=b"x"))
    assert fetch(http, headers={"Range": "bytes=0-0"}) == b"x"


def test_a_503_that_says_when_to_come_back_is_throttling(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=503, headers={"Retry-After": "7"}))
    with pytest.raises(Throttled) as caught:
        fetch(http)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", None),
        ("3601", 3600),
        ("9" * 99, 3600),
        ("9" * 9999, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Fri, 99 Foo 2026 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    in_half_an_hour = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30)
    assert 0 < (seconds_of(format_datetime(in_half_an_hour, usegmt=True)) or 0) <= 1800


def test_refused_credentials_are_renewed_once_and_the_request_repeated(
    server: HttpServer, http: Http, slots: Slots
) -> None:
    server.on("/list", lambda seen: Reply(status=200 if seen.headers["authorization"] == "Bearer new" else 401))
    token = Token()
    assert http.call("list", "GET", "/list", auth=token).status == 200
    assert (token.renewals, slots.booked) == (1, ["list", "list"])


def test_credentials_refused_after_a_renewal_are_unauthorized(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(status=401))
    token = Token()
    with pytest.raises(Unauthorized):
        http.call("list", "GET", "/list", auth=token)
    assert (token.renewals, len(server.requests)) == (1, 2)


def test_credentials_that_cannot_be_renewed_are_not_tried_again(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(status=401))
    with pytest.raises(Unauthorized):
        http.call("list", "GET", "/list", auth=Token(renewable=False))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_another_hosts_refusal_says_nothing_about_our_credentials(
    server: HttpServer, elsewhere: HttpServer, http: Http, status: int
) -> None:
    server.on("/audio", redirect(f"{elsewhere.url}/signed"))
    elsewhere.on("/signed", Reply(status=status))
    token = Token()
    with pytest.raises(Rejected):
        fetch(http, auth=token)
    assert token.renewals == 0


# bodies


def test_a_body_tells_its_length_its_framing_and_its_type(server: HttpServer, http: Http) -> None:
    headers = {"Content-Type": "Audio/X-WAV; charset=binary"}
    server.on(
        "/audio", Reply(body=b"abc", headers=headers), *[Reply(body=b"abc", framing=f) for f in ("chunked", "close")]
    )
    facts = []
    for _ in range(3):
        with http.stream("media", "/audio") as body:
            facts.append((body.length, body.framed, body.content_type, body.read(3)))
    assert facts == [(3, False, "audio/x-wav", b"abc"), (None, True, None, b"abc"), (None, False, None, b"abc")]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_long_body_comes_in_bounded_pieces(server: HttpServer, http: Http, framing: Any) -> None:
    sound = bytes(range(256)) * 4000
    server.on("/audio", Reply(body=sound, framing=framing))
    with http.stream("media", "/audio") as body:
        pieces = list(body.chunks())
    assert b"".join(pieces) == sound
    assert max(map(len, pieces)) <= 64 * 1024 + 256 * 1024
    assert min(map(len, pieces[:-1])) >= 64 * 1024


@pytest.mark.parametrize("then", ["close", "reset", "stall"])
def test_a_body_that_ends_early_is_unavailable(server: HttpServer, then: Any) -> None:
    http = http_to(server.url, read_timeout=0.2)
    server.on("/audio", Reply(body=b"x" * 456, cut=123, then=then))
    with pytest.raises(Unavailable, match=r"ended after (0|123) of 456 bytes"):
        fetch(http)
    server.on("/audio", Reply(body=b"x" * 456, cut=123, then=then, framing="chunked"))
    with pytest.raises(Unavailable, match=r"ended after (0|123) bytes"):
        fetch(http)
    with pytest.raises(Unavailable):
        http.call("list", "GET", "/audio")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        b"HTTP/9.9 nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_broken_http_is_unavailable(server: HttpServer, http: Http, raw: bytes) -> None:
    server.on("/audio", raw)
    with pytest.raises(Unavailable):
        fetch(http)


@pytest.mark.parametrize("length", ["-3", "three", "9" * 5000])
def test_a_senseless_content_length_promises_nothing(server: HttpServer, http: Http, length: str) -> None:
    server.on("/audio", f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nabc".encode())
    with http.stream("media", "/audio") as body:
        assert (body.length, body.framed, body.read(10)) == (None, False, b"abc")


@pytest.mark.parametrize(
    "header", ["Content-Encoding: gzip", "Content-Encoding: br, gzip", "Transfer-Encoding: gzip, chunked"]
)
def test_an_encoding_that_was_not_asked_for_is_refused(server: HttpServer, http: Http, header: str) -> None:
    server.on("/x", f"HTTP/1.1 200 OK\r\n{header}\r\n\r\nabc".encode())
    with pytest.raises(Rejected, match="though identity was asked for"):
        fetch(http, "/x")
    with pytest.raises(Unavailable, match="though identity was asked for"):
        http.call("list", "GET", "/x")


def test_a_body_that_outlasts_the_invocation_is_rejected(server: HttpServer) -> None:
    left = [10.0]
    http = http_to(server.url, deadline=lambda: left[0])
    server.on("/audio", Reply(body=b"x" * 1_000_000))
    with http.stream("media", "/audio") as body:
        pieces = body.chunks()
        next(pieces)
        left[0] = 0
        with pytest.raises(Rejected, match="within the invocation's time limit"):
            next(pieces)
    assert len(server.requests) == 1
    with pytest.raises(Unavailable, match="within the invocation's time limit"):
        http.call("list", "GET", "/audio")
    assert len(server.requests) == 1


def test_a_read_waits_no_longer_than_the_invocation_lasts(server: HttpServer) -> None:
    http = http_to(server.url, deadline=lambda: 0.1)
    server.on("/audio", Reply(body=b"xx", cut=1, then="stall"))
    with pytest.raises(Unavailable, match="ended after 1 of 2 bytes"):
        fetch(http)


def test_a_body_left_in_the_middle_does_not_disturb_the_next_request(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(body=b"x" * 1_000_000))
    server.on("/list", Reply(body=b"{}"))
    with http.stream("media", "/audio") as body:
        next(body.chunks())
    assert http.call("list", "GET", "/list").json() == {}


def test_a_handled_status_brings_its_document(server: HttpServer, http: Http) -> None:
    server.on("/audio", Reply(status=202, body=b"<state>pending</state>"))
    with http.stream("media", "/audio") as body:
        assert body.answer(1000).xml().text == "pending"
    with http.stream("media", "/audio") as body, pytest.raises(Rejected, match="more than 10 bytes"):
        body.answer(10)


# answers


def test_an_answer_ignores_the_case_of_header_names(server: HttpServer, http: Http) -> None:
    server.on("/list", Reply(body=b"\xffa", headers={"X-Total": "7", "Content-Type": "Text/Plain; x=y"}))
    answer = http.call("list", "GET", "/list")
    assert (answer.headers["x-total"], answer.content_type, answer.text()) == ("7", "text/plain", "\ufffda")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 5000,
        b"<html><body>Sign in</body></html>",
    ],
)
def test_what_is_no_json_is_an_outcome(server: HttpServer, http: Http, content: bytes) -> None:
    server.on("/x", Reply(body=content))
    with pytest.raises(Unavailable, match=r"where JSON was expected|not valid JSON"):
        http.call("list", "GET", "/x").json()
    with pytest.raises(Rejected):
        http.call("look-up", "GET", "/x", of="recording").json()


def test_a_web_page_in_place_of_a_document_is_named(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=b"\n <!DOCTYPE html><html></html>"))
    answer = http.call("list", "GET", "/x")
    with pytest.raises(Unavailable, match="the list request was answered with HTML where JSON was expected"):
        answer.json()
    with pytest.raises(Unavailable, match="the list request was answered with HTML where XML was expected"):
        answer.xml()


def test_json_comes_as_it_was_sent(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body='\ufeff{"name": "Zoë", "n": [1, 2.5, null, true]}'.encode()))
    assert http.call("list", "GET", "/x").json() == {"name": "Zoë", "n": [1, 2.5, None, True]}


def test_json_text_can_always_be_written_as_utf_8(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=rb'["\ud83d\ude00", "a\uD800b"]'))
    assert http.call("list", "GET", "/x").json() == ["\U0001f600", "a?b"]


BOMB = b"".join(
    [
        b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">',
        *[f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)],
        b"]><b>&j;</b>",
    ]
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a>",
        b"<a>&nope;</a>",
        b'<?xml version="1.0" encoding="nope"?><a/>',
        b"\xff\xfe<a/>",
        BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
def test_what_is_no_plain_xml_is_an_outcome(server: HttpServer, http: Http, content: bytes) -> None:
    server.on("/x", Reply(body=content))
    with pytest.raises(Unavailable, match="XML"):
        http.call("list", "GET", "/x").xml()
    with pytest.raises(Rejected, match="XML"):
        http.call("look-up", "GET", "/x", of="recording").xml()


def test_xml_nested_deeply_does_no_harm(server: HttpServer, http: Http) -> None:
    server.on("/x", Reply(body=b"<a>" * 100_000 + b"</a>" * 100_000))
    assert http.call("list", "GET", "/x").xml().tag == "a"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_an_answer_has_a_greatest_size(server: HttpServer, http: Http, framing: Any) -> None:
    assert answers.ANSWER_BYTES == 16 * 1024 * 1024
    server.on("/x", Reply(body=b"x" * (answers.ANSWER_BYTES + 1), framing=framing))
    with pytest.raises(Unavailable, match="more than 16777216 bytes"):
        http.call("list", "GET", "/x")
    with pytest.raises(Rejected, match="more than 16777216 bytes"):
        http.call("look-up", "GET", "/x", of="recording")


# failures and what they tell


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("base", "reply", "reason"),
    [
        ("http://127.0.0.1:{free}", b"", "the connection was refused"),
        (f"http://{'x' * 64}.test", b"", "its name could not be resolved"),
        ("https://127.0.0.1:{port}", b"", "TLS failed"),
        ("http://127.0.0.1:{port}", Reply(silent=True), "it did not answer in time"),
        ("http://127.0.0.1:{port}", b"", "the connection was reset"),
        ("http://127.0.0.1:{port}", b"SSH-2.0\r\n", "its answer was not HTTP"),
        ("http://127.0.0.1:{port}", Reply(body=b"{}", cut=0, then="reset"), "ended after 0 of 2 bytes|was reset"),
    ],
)
def test_a_failure_names_its_host_and_kind_and_never_the_query(
    server: HttpServer, caplog: pytest.LogCaptureFixture, base: str, reply: Reply | bytes, reason: str
) -> None:
    server.on("/x", reply)
    http = http_to(base.format(port=server.port, free=free_port()), read_timeout=0.2)
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
        caplog.set_level(logging.DEBUG, logger=name)
    with pytest.raises(Unavailable, match=reason) as caught:
        http.call("list", "GET", "/x", params={"key": SECRET}, headers={"X-Key": SECRET.reveal()}).json()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "s3cret" not in told
    assert "key=" not in told


def test_a_host_that_hides_a_secret_or_a_line_break_is_quoted_without_them() -> None:
    http = http_to("https://127.0.0.1")
    assert http.quotable("a\r\nb\x1b[0m s3cret-value\u2028c") == "a b [0m *** c"
    assert len(http.quotable("x" * 1000)) == 200


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\n{}"]
)
def test_nothing_that_is_logged_holds_a_query(
    server: HttpServer, http: Http, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    server.on("/x", raw)
    http.call("list", "GET", "/x", params={"key": SECRET})
    assert server.requests[0].query == {"key": "s3cret-value"}
    assert "key" not in caplog.text


def test_a_header_that_cannot_be_sent_is_an_outcome_without_its_text(server: HttpServer, http: Http) -> None:
    for value in ("s3cret-value\r\nX: y", "s3cret-\u20ac"):
        with pytest.raises(Outcome) as caught:
            http.call("list", "GET", "/x", headers={"X-Key": value})
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


def test_a_deadline_of_infinity_is_none(server: HttpServer) -> None:
    server.on("/x", Reply())
    assert http_to(server.url, deadline=lambda: math.inf).call("list", "GET", "/x").status == 200
