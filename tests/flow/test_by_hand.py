"""Requests that a person makes by hand, beside the functions of a deployed archive: one pace for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.archiver.errors import Closed, Throttled
from functions.archiver.settings.deployment import Source
from ops.__main__ import main
from ops.archive.deployed import DeployedArchive
from ops.provider.connection import Connection, SharedPace
from ops.shell.verb import Shared
from tests.doubles.aws import REGION, Aws
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, session

LISTING = "/api/v2/recordings"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        running.on("/api/v2/recordings/nosuch", Reply(status=404))
        yield running


@pytest.fixture
def source(aws: Aws, server: HttpServer) -> Source:
    source = a_source("acme", base_url=server.url, allow_private_addresses=True)
    deploy(aws, source, with_functions=True)
    secret = {"access_id": "id", "access_token": "hidden-token"}
    client("secretsmanager").create_secret(Name=source.secret, SecretString=json.dumps(secret))
    return source


def run(*words: str) -> int:
    return main(["-a", ARCHIVE, "--region", REGION, *words])


def test_a_source_of_a_deployed_archive_needs_no_file(
    source: Source, server: HttpServer, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("provider", "acme", "get", "nosuch") == 3
    assert capsys.readouterr().err == "acme has no recording 'nosuch'\n"
    assert len(server.requests) == 1
    pace = aws.item("acme#pace")
    assert pace is not None
    assert int(pace["tat"]) > 0


def test_a_throttled_request_closes_the_source_for_the_functions_too(source: Source, server: HttpServer) -> None:
    server.on("/api/v2/recordings/busy", Reply(status=429, headers={"Retry-After": "900"}))
    assert run("provider", "acme", "get", "busy") == 5
    gate = DeployedArchive(ARCHIVE, session()).runtime("acme").pace.gate()
    assert gate.closed_until is not None
    assert gate.closed_until > datetime.now(UTC) + timedelta(minutes=10)
    asked = len(server.requests)
    assert run("provider", "acme", "get", "nosuch") == 5
    assert len(server.requests) == asked


def test_a_short_break_is_waited_for_and_said(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = DeployedArchive(ARCHIVE, session()).runtime("acme").pace
    pace.cool_down(Throttled("busy", retry_after=2))
    said: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        monkeypatch.setattr("functions.archiver.throttling.pace.Pace.book", lambda self, kind: None)

    monkeypatch.setattr("ops.provider.connection.time.sleep", sleep)
    SharedPace(pace, said.append).book("list")
    assert len(slept) == len(said) == 1
    assert "waiting" in said[0]


def test_a_long_break_ends_the_command(source: Source) -> None:
    pace = DeployedArchive(ARCHIVE, session()).runtime("acme").pace
    pace.cool_down(Throttled("busy", retry_after=3000))
    with pytest.raises(Closed):
        SharedPace(pace, lambda text: None).book("list")


def test_a_source_that_nobody_deployed_yet_is_paced_by_the_command_alone(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'[archive]\nname = "{ARCHIVE}"\n[sources.acme]\nprovider = "babelforce"\n'
        'base_url = "https://acme.babelforce.com"\nsecret = "acme"\n'
    )
    secret = '{"access_id": "i", "access_token": "t"}'
    client("secretsmanager").create_secret(Name="acme", SecretString=secret)
    Connection(shared=Shared(path="provider", region=REGION), source="acme", deployment=file).provider()
    assert "acme is not deployed yet" in capsys.readouterr().err
