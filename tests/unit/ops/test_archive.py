"""The one way to an archive: which one is meant, and what is known of a deployed one with the fewest calls."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.recording import Recording
from functions.archiver.settings.parameters import LAYOUT, archive_parameter_name
from ops.__main__ import main
from ops.archive.deployed import DeployedArchive
from ops.archive.opening import open_deployed
from ops.archive.where import LocalFolder, Stack, located
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared
from tests.doubles.aws import Aws
from tests.harness.deployed import ARCHIVE, a_source, deploy, put_parameter, session

DEPLOYMENT = """
[archive]
name = "{name}"
[sources.acme]
provider = "babelforce"
base_url = "https://acme.babelforce.com"
secret = "acme"
"""


def deployment(path: Path, name: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(DEPLOYMENT.format(name=name))
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a checkout without deployment files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ops.archive.where.ROOT", tmp_path / "checkout")
    return tmp_path


def test_a_folder_a_file_and_a_name_are_told_apart(here: Path) -> None:
    (here / "archive").mkdir()
    file = deployment(here / "mine.toml", "phones")
    assert located("archive") == LocalFolder(Path("archive"))
    assert located(str(here / "archive")) == LocalFolder(here / "archive")
    assert located(str(file)) == Stack("phones")
    assert located("phones") == Stack("phones")


@pytest.mark.parametrize("where", ["./nowhere", "/no/where", "no where", "", "9lives", "notes.txt"])
def test_what_is_neither_is_not_found(here: Path, where: str) -> None:
    (here / "notes.txt").write_text("hello")
    with pytest.raises(Failure, match="RECORDINGS_ARCHIVE") as caught:
        located(where or "x/")
    assert caught.value.code is ExitCode.NOT_FOUND


def test_a_deployment_file_that_is_not_there_is_misuse(here: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml: cannot be read"):
        located("none.toml")


def test_without_a_name_the_only_deployment_file_is_meant_and_never_the_example(here: Path) -> None:
    deployment(here / "deployments" / "example.toml", "example")
    with pytest.raises(Failure, match=r"-a FOLDER, -a FILE\.toml or -a STACK") as caught:
        located(None)
    assert caught.value.code is ExitCode.MISUSE
    deployment(here / "deployments" / "mine.toml", "phones")
    assert located(None) == Stack("phones")
    deployment(here / "deployments" / "other.toml", "others")
    with pytest.raises(Failure, match=r"There are .*mine\.toml, .*other\.toml") as caught:
        located(None)
    assert caught.value.code is ExitCode.MISUSE


def test_from_another_folder_the_checkout_s_deployment_file_is_meant(here: Path) -> None:
    (here / "checkout").mkdir()
    deployment(here / "checkout" / "deployments" / "mine.toml", "phones")
    assert located(None) == Stack("phones")


def test_a_verb_for_aws_refuses_a_folder_with_a_sentence(here: Path) -> None:
    (here / "archive").mkdir()
    with pytest.raises(Failure, match="archive is a local archive") as caught:
        open_deployed(Shared(path="x", archive="archive"))
    assert caught.value.code is ExitCode.MISUSE


# deployed


@pytest.fixture
def calls() -> Counter[str]:
    return Counter()


@pytest.fixture
def archive(aws: Aws, calls: Counter[str]) -> DeployedArchive:
    counted: boto3.Session = session()
    counted.events.register("before-call", lambda event_name, **_: calls.update([event_name.split(".")[-1]]))
    return DeployedArchive(ARCHIVE, counted)


def test_nothing_is_asked_before_a_part_is_used(archive: DeployedArchive, calls: Counter[str]) -> None:
    assert archive.name == ARCHIVE
    assert not calls


def test_an_archive_and_one_source_take_one_call(aws: Aws, archive: DeployedArchive, calls: Counter[str]) -> None:
    deploy(aws, a_source("acme"), a_source("dialer", webhook=True), zone="Europe/Berlin")
    assert archive.source("dialer").webhook_url == "https://api.example.com/webhooks/dialer"
    assert (archive.zone, archive.facts.layout) == (ZoneInfo("Europe/Berlin"), LAYOUT)
    assert calls == {"GetParameters": 1}


def test_all_sources_take_a_call_for_each_ten(aws: Aws, archive: DeployedArchive, calls: Counter[str]) -> None:
    names = [f"source-{number:02}" for number in range(12)]
    deploy(aws, *map(a_source, names))
    assert archive.sources == names
    assert [archive.source(name).queue for name in names] == [aws.queue_url] * 12
    assert calls == {"GetParameters": 1, "GetParametersByPath": 2}


def test_an_archive_without_its_parameter_has_to_be_deployed_once_more(archive: DeployedArchive) -> None:
    for ask in (lambda: archive.facts, lambda: archive.sources, lambda: archive.source("acme")):
        with pytest.raises(Failure, match="in eu-central-1: deploy once more with this version") as caught:
            ask()
        assert caught.value.code is ExitCode.MISUSE


@pytest.mark.parametrize("value", ["{", "[]", "{}", '{"version": 1}', '"text"', "null"])
def test_a_parameter_of_another_form_is_a_sentence(aws: Aws, archive: DeployedArchive, value: str) -> None:
    put_parameter(archive_parameter_name(ARCHIVE), value)
    with pytest.raises(Failure, match="/recording-archive/recordings is not as this version writes it") as caught:
        _ = archive.facts
    assert caught.value.code is ExitCode.MISUSE


def test_an_archive_of_a_newer_layout_is_not_touched(aws: Aws, archive: DeployedArchive) -> None:
    deploy(aws, a_source("acme"), layout=LAYOUT + 1)
    with pytest.raises(Failure, match="newer version") as caught:
        _ = archive.table
    assert caught.value.code is ExitCode.MISUSE


@pytest.mark.parametrize(("name", "told"), [("acne", "Did you mean 'acme'?"), ("xyz", "It has acme, dialer.")])
def test_a_source_that_is_not_there_is_answered_with_those_that_are(
    aws: Aws, archive: DeployedArchive, name: str, told: str
) -> None:
    deploy(aws, a_source("acme"), a_source("dialer"))
    with pytest.raises(Failure) as caught:
        archive.ledger(name)
    assert (caught.value.code, told in caught.value.message) == (ExitCode.NOT_FOUND, True)


def test_ledger_and_bucket_are_those_of_the_stack(aws: Aws, archive: DeployedArchive) -> None:
    deploy(aws, a_source("acme"), a_source("dialer"))
    assert archive.ledger("acme").insert(Recording(id="1", recorded_at=datetime(2026, 1, 5, tzinfo=UTC)), "schedule")
    assert archive.ledger("dialer").find("1") is None
    assert aws.item("acme#recording#1") is not None
    archive.bucket.put("reports/a.json", json.dumps({}).encode())
    assert list(archive.bucket.keys("reports/")) == ["reports/a.json"]


def test_the_settings_of_a_source_are_those_of_its_functions(
    aws: Aws, archive: DeployedArchive, calls: Counter[str]
) -> None:
    source = a_source("acme")
    deploy(aws, source, with_functions=True)
    assert archive.settings("acme").source == source
    assert archive.runtime("acme").settings is archive.settings("acme")
    assert calls == {"GetParameters": 1, "GetFunctionConfiguration": 1}


def test_a_folder_that_is_mistyped_is_named_although_it_could_be_a_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    assert main(["find", "-a", "archvie"]) == 2
    assert "there is no folder archvie" in capsys.readouterr().err
