from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.archiver.errors import Rejected, Unavailable
from functions.archiver.http import addresses
from functions.archiver.http.addresses import is_metadata, is_public
from functions.archiver.http.client import Http
from functions.archiver.http.statuses import Of
from tests.doubles.http_client import SECRET, fetch, http_to, redirect
from tests.doubles.http_server import HttpServer, Reply


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
    server.on("/audio", redirect(f"http://{host}/latest/meta-data/?x=1"))
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


@pytest.mark.parametrize("address", ["169.254.0.1", "fe80::1%eth0", "fd00:ec2::23", "224.0.0.1", "ff02::1"])
def test_metadata_neighbours_and_groups_are_never_asked(address: str) -> None:
    assert is_metadata(address)


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
    assert fetch(http_to(server.url), f"http://rebinding.test:{server.port}/audio") == b"x"
    assert looked_up == ["rebinding.test"]
    assert server.requests[0].headers["host"] == f"rebinding.test:{server.port}"


def test_every_new_connection_is_judged_anew(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"rebinding.test": [["127.0.0.1"], ["169.254.169.254"]]})
    server.on("/audio", Reply(body=b"x", framing="close"))
    http, link = http_to(server.url), f"http://rebinding.test:{server.port}/audio"
    fetch(http, link)
    with pytest.raises(Rejected, match="metadata"):
        fetch(http, link)


def test_an_address_that_refuses_is_followed_by_the_next(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, {"files.test": [["127.0.0.2", "127.0.0.1"]]})
    server.on("/audio", Reply(body=b"x"))
    assert fetch(http_to(server.url), f"http://files.test:{server.port}/audio") == b"x"


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:1/x", "https://localhost:1/x", "http://0.0.0.0/x", "http://a.test/x"]
)
def test_loopback_is_asked_only_where_base_url_itself_is_loopback(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    names(monkeypatch, {"a.test": [["127.0.0.1"]], "kazoo.test": [["10.1.2.3"]]})
    for base in ("http://kazoo.test", "https://10.1.2.3:8443"):
        with pytest.raises(Rejected, match="this machine itself, which only a base_url on this machine may ask"):
            fetch(http_to(base), link)


def test_plain_http_goes_to_private_addresses_only(monkeypatch: pytest.MonkeyPatch, server: HttpServer) -> None:
    names(monkeypatch, {"kazoo.test": [["8.8.8.8"]]})
    with pytest.raises(Unavailable, match="resolves to a public address, which is asked by https only"):
        http_to("http://kazoo.test").call("list", "GET", "/list", params={"key": SECRET})
    with pytest.raises(Rejected, match="by https only"):
        fetch(http_to(server.url), "http://kazoo.test/audio")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that is its own authority, with its key."""
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
