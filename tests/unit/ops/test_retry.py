"""`retry` and `accept`: the ways out of failed and quarantined, by hand, on a folder and on AWS."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.recording import Recording
from functions.archiver.settings.deployment import Archive, Deployment
from ops.__main__ import main
from ops.archive.identity import keep_identity
from ops.local.engine.sqlite_table import SqliteTable
from tests.doubles.aws import Aws
from tests.harness.deployed import ARCHIVE, a_source, deploy, session
from tests.harness.schemas import checked

HELD = Stored(key="quarantine/x.bin", version_id="v", size_bytes=9, sha256="ab" * 32, content_type="x/y")


class Bench:
    """Two sources with an archived, a failed and a quarantined recording each."""

    def __init__(self, where: list[str], table: Table) -> None:
        self.where = where
        self.ledgers = {name: Ledger(table, source=name, clock=Clock()) for name in ("acme", "dialer")}
        for ledger in self.ledgers.values():
            self.put(ledger, "kept", lambda ledger, ticket: ledger.mark_archived(ticket, HELD))
            self.put(ledger, "html", lambda ledger, ticket: ledger.mark_failed(ticket, "an HTML page", attempts=8))
            self.put(ledger, "odd", lambda ledger, ticket: ledger.mark_quarantined(ticket, HELD, "unknown"))
        self.put(self.ledgers["acme"], "slow", lambda ledger, ticket: ledger.mark_failed(ticket, "too slow"))

    def put(self, ledger: Ledger, id_: str, end: Callable[..., object]) -> None:
        recorded = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        ticket = ledger.insert_queued(Recording(id=id_, recorded_at=recorded, raw={"id": id_}), "schedule")
        assert ticket is not None
        end(ledger, ticket)

    def run(self, *words: str) -> int:
        return main([words[0], *self.where, *words[1:]])

    def entry(self, source: str, id_: str) -> Entry:
        entry = self.ledgers[source].find(id_)
        assert entry is not None
        return entry

    def waiting(self) -> set[str]:
        names = itertools.product(self.ledgers, ("kept", "html", "odd", "slow"))
        found = [(source, id_, self.ledgers[source].find(id_)) for source, id_ in names]
        return {f"{source}/{id_}" for source, id_, entry in found if entry and entry.state is State.PENDING}


@pytest.fixture(params=["folder", "aws"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "folder":
        keep_identity(tmp_path, Deployment(archive=Archive(name="x"), sources=(a_source("acme"), a_source("dialer"))))
        table = SqliteTable(tmp_path / ".archive" / "ledger.sqlite")
        yield Bench(["-a", str(tmp_path)], table)
        table.close()
        return
    aws: Aws = request.getfixturevalue("aws")
    deploy(aws, a_source("acme"), a_source("dialer"))
    made = session()
    monkeypatch.setattr("boto3.Session", lambda **_: made)
    yield Bench(["-a", ARCHIVE], aws.table)


def test_ids_are_tried_again_wherever_they_failed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run("retry", "html") == 0
    assert bench.waiting() == {"acme/html", "dialer/html"}
    assert bench.entry("acme", "html").attempts == 0
    assert "2 recordings will be tried again" in capsys.readouterr().out


def test_all_that_failed_is_chosen_by_source_and_reason(bench: Bench) -> None:
    assert bench.run("retry", "--failed", "--source", "acme", "--reason", "html page") == 0
    assert bench.waiting() == {"acme/html"}
    assert bench.run("retry", "--failed") == 0
    assert bench.waiting() == {"acme/html", "acme/slow", "dialer/html"}


def test_what_lies_in_quarantine_is_tried_again_by_its_id(bench: Bench) -> None:
    assert bench.run("retry", "odd", "--source", "dialer") == 0
    assert bench.waiting() == {"dialer/odd"}


def test_a_dry_run_lists_and_does_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run("retry", "--failed", "--source", "acme", "--dry-run", "--json") == 0
    document = checked(capsys.readouterr().out)
    assert document["dry_run"] is True
    assert {each["recording_id"] for each in document["recordings"]} == {"html", "slow"}
    assert bench.run("accept", "html", "--reason", "known", "--dry-run") == 0
    assert (bench.waiting(), bench.entry("acme", "html").accepted) == (set(), False)


def test_what_is_accepted_is_left_out_of_failed_and_comes_back_by_its_id(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run("accept", "html", "odd", "--source", "acme", "--reason", "a fax", "--json") == 0
    assert [each["state"] for each in checked(capsys.readouterr().out)["recordings"]] == ["failed", "quarantined"]
    accepted = bench.entry("acme", "html")
    assert (accepted.state, accepted.accepted, accepted.story[-1][1:]) == (State.FAILED, True, ("accepted", "a fax"))
    assert bench.run("retry", "--failed", "--source", "acme") == 0
    assert bench.waiting() == {"acme/slow"}
    assert bench.run("retry", "html", "--source", "acme") == 0
    assert bench.waiting() == {"acme/slow", "acme/html"}
    assert bench.entry("acme", "html").accepted is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["retry"], 2, "give ids, or --failed"),
        (["retry", "html", "--failed"], 2, "give ids, or --failed"),
        (["retry", "html", "--reason", "x"], 2, "use it with --failed"),
        (["retry", "nosuch"], 3, "has no recording 'nosuch'"),
        (["retry", "html", "kept"], 4, "'kept' is archived"),
        (["accept", "kept", "--reason", "x"], 4, "'kept' is archived"),
        (["retry", "--failed", "--source", "acm"], 3, "Did you mean 'acme'"),
        (["accept", "html"], 2, "--reason"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_done(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert bench.run(*words) == code
    assert said in capsys.readouterr().err
    assert bench.waiting() == set()


def test_nothing_that_failed_is_said_so(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run("retry", "--failed", "--reason", "no such reason") == 0
    assert "nothing to try again" in capsys.readouterr().out


@pytest.mark.parametrize("id_", ["-x", "--all", "it's", "two words", "../../etc/passwd", "a -- b", "$(x)", '"'])
def test_the_command_that_show_names_tries_a_recording_of_any_id_again(
    bench: Bench, id_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.put(bench.ledgers["acme"], id_, lambda ledger, ticket: ledger.mark_failed(ticket, "an HTML page"))
    assert main(["show", *bench.where, "--", id_]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("next       recordings ")
    assert main([*bench.where, *shlex.split(told.removeprefix("next       "))[1:]]) == 0
    assert bench.entry("acme", id_).state is State.PENDING


def test_an_id_that_nothing_has_is_looked_for_with_find(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run("retry", "no such") == 3
    assert "next: recordings find 'no such'" in capsys.readouterr().err
