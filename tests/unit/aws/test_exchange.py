"""boto3's requests on connections of our own: as its own session sends them, in half the time."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # what is signed
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from benchmarks.origin import certificate
from functions.archiver.aws.exchange import Exchanges, _head, lightened
from functions.archiver.bucket.s3 import S3Bucket
from tests.doubles.http_server import HttpServer, Reply, Seen

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK = Reply(headers={"ETag": '"e"', "x-amz-version-id": "v"})


def client(url: str, *, verify: str | None = None, **settings: Any) -> S3Client:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"}, s3={"addressing_style": "path"}, **settings)
    return lightened(session.client("s3", endpoint_url=url, config=config, verify=verify))


def session_of(s3: S3Client) -> object:
    return cast("Any", s3)._endpoint.http_session


def put(s3: S3Client, body: bytes | bytearray = b"RIFF", key: str = "k") -> Any:
    return s3.put_object(Bucket="b", Key=key, Body=cast("bytes", bytearray(body)))


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as made:
        made.on("/b/k", OK)
        yield made


def test_one_connection_serves_request_after_request(server: HttpServer) -> None:
    s3 = client(server.url)
    assert [put(s3)["VersionId"] for _ in range(3)] == ["v", "v", "v"]
    assert isinstance(session_of(s3), Exchanges)
    assert [seen.body for seen in server.requests] == [b"RIFF"] * 3
    assert len({seen.connection for seen in server.requests}) == 1


def test_what_goes_out_is_what_botocores_own_session_sends(server: HttpServer) -> None:
    server.on("/b/a b/ä+~.wav", OK)
    server.on("/b/a%20b/%C3%A4%2B~.wav", OK)
    s3 = client(server.url)
    ours = session_of(s3)
    put(s3, key="a b/ä+~.wav")
    cast("Any", s3)._endpoint.http_session = cast("Any", ours)._whole
    put(s3, key="a b/ä+~.wav")
    changing = {"authorization", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date"}
    light, whole = ({k: v for k, v in seen.headers.items() if k not in changing} for seen in server.requests)
    assert light == whole
    assert server.requests[0].path == server.requests[1].path


def test_a_connection_that_the_other_side_closed_is_opened_anew_without_a_retry(server: HttpServer) -> None:
    server.on("/b/k", Reply(headers=OK.headers, framing="close"))
    s3 = client(server.url)
    for _ in range(2):
        assert put(s3)["ResponseMetadata"]["RetryAttempts"] == 0
    assert len({seen.connection for seen in server.requests}) == 2


def test_a_request_that_fails_is_repeated_as_ever(server: HttpServer) -> None:
    server.on("/b/k", Reply(status=503), OK)
    assert put(client(server.url))["ResponseMetadata"]["RetryAttempts"] == 1
    server.on("/b/k", b"no HTTP at all\r\n\r\n", OK)
    assert put(client(server.url))["ResponseMetadata"]["RetryAttempts"] == 1
    server.on("/b/k", Reply(body=b"abc", cut=1), OK)
    assert put(client(server.url))["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_refusal_is_told_by_its_code(server: HttpServer) -> None:
    refusal = b"<Error><Code>PreconditionFailed</Code></Error>"
    server.on("/b/k", Reply(status=412, body=refusal, framing="chunked"), OK)
    s3 = client(server.url)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3)
    assert put(s3)["VersionId"] == "v"
    assert len({seen.connection for seen in server.requests}) == 1


def test_a_refusal_that_comes_before_the_body_has_gone_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as threads:
        refused = threads.submit(_refuse_early, listening)
        with pytest.raises(ClientError, match="AccessDenied"):
            put(client(f"http://127.0.0.1:{listening.getsockname()[1]}"), bytes(32 * 1024 * 1024))
        refused.result(30)


def _refuse_early(listening: socket.socket) -> None:
    with listening.accept()[0] as connection:
        came = b""
        while b"\r\n\r\n" not in came:
            came += connection.recv(65_536)
        refusal = b"<Error><Code>AccessDenied</Code></Error>"
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(refusal) + refusal)


def test_what_goes_wrong_has_botocores_names(server: HttpServer) -> None:
    with pytest.raises(EndpointConnectionError):
        put(client("http://127.0.0.1:1"))
    server.on("/b/k", Reply(silent=True))
    with pytest.raises(ReadTimeoutError):
        put(client(server.url, read_timeout=0.2))
    server.on("/b/k", b"")
    with pytest.raises(ConnectionClosedError):
        put(client(server.url))


def test_tls_trusts_what_botocore_trusts(tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    with HttpServer(tls=context) as server:
        server.on("/b/k", OK)
        s3 = client(server.url, verify=str(made))
        assert isinstance(session_of(s3), Exchanges)
        bucket = S3Bucket(s3, "b")
        assert [bucket.put("k", b"{}") for _ in range(3)] == ["v", "v", "v"]
        assert [seen.body for seen in server.requests] == [b"{}"] * 3  # as they are, not in chunks of botocore's
        assert len({seen.connection for seen in server.requests}) == 1
        with pytest.raises(SSLError):
            put(client(server.url))


def test_several_threads_share_a_client(server: HttpServer) -> None:
    together = threading.Barrier(4)

    def answer(seen: Seen) -> Reply:
        together.wait(30)
        return Reply(headers={"x-amz-version-id": seen.body.decode()})

    server.on("/b/k", answer)
    s3 = client(server.url)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            bodies = [b"one", b"two", b"three", b"four"]
            assert [each["VersionId"].encode() for each in threads.map(lambda body: put(s3, body), bodies)] == bodies
    assert len({seen.connection for seen in server.requests}) == 4


def test_a_body_that_is_a_file_and_an_answer_that_is_a_stream_stay_with_botocore(
    server: HttpServer, tmp_path: Path
) -> None:
    server.on("/b/k", Reply(body=b"sound"), OK)
    s3 = client(server.url)
    assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"sound"
    (tmp_path / "file").write_bytes(b"of a file")
    with (tmp_path / "file").open("rb") as file:
        s3.put_object(Bucket="b", Key="k", Body=file)
    assert b"of a file" in server.requests[-1].body


@pytest.mark.parametrize("settings", [{"proxies": {"http": "http://127.0.0.1:1"}}, {"tcp_keepalive": True}])
def test_a_client_with_a_proxy_or_options_of_its_own_is_left_as_it_is(settings: dict[str, Any]) -> None:
    assert not isinstance(session_of(client("http://127.0.0.1:1", **settings)), Exchanges)


def test_a_proxy_of_the_environment_is_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert not isinstance(session_of(client("http://s3.example.com")), Exchanges)


def test_what_is_kept_is_closed_with_the_client(server: HttpServer) -> None:
    s3 = client(server.url)
    put(s3)
    (connection,) = (each for idle in cast("Any", session_of(s3))._idle._kept.values() for each in idle)
    s3.close()
    assert connection.sock is None


def test_a_value_cannot_begin_a_header_of_its_own(server: HttpServer) -> None:
    for value in ("one\r\nx-amz-acl: public-read", "one\nx-amz-acl: public-read", "one\rtwo"):
        with pytest.raises(HTTPClientError, match="header"):
            client(server.url).put_object(
                Bucket="b", Key="k", Body=cast("bytes", bytearray(b"RIFF")), Metadata={"name": value}
            )
    assert server.requests == []


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        ("http://s3.example.com", "s3.example.com"),
        ("http://s3.example.com:80", "s3.example.com"),
        ("https://s3.example.com:443", "s3.example.com"),
        ("https://s3.example.com:80", "s3.example.com:80"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("http://S3.Example.com:9000", "s3.example.com:9000"),
    ],
)
def test_the_host_is_named_as_it_was_signed(endpoint: str, named: str) -> None:
    url = urlsplit(endpoint)
    exchanges = cast("Exchanges", session_of(client(endpoint)))
    head = _head(exchanges._connection(url), AWSRequest(method="GET", url=endpoint).prepare(), url)
    assert f"Host: {named}".encode() in head.split(b"\r\n")
    assert _host_from_url(endpoint) == named  # botocore's, which signs it
