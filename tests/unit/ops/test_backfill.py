"""`recordings backfill` and `reconcile`, as a person types them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions import reconciler
from functions.archiver.aws.engine import AwsEngine
from functions.archiver.clock import Clock
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.runtime import Runtime, running
from ops.archive.deployed import DeployedArchive
from simulators.providers.babelforce import Babelforce
from tests.doubles.aws import REGION, Aws
from tests.harness.archives import Given, given_archive
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, session
from tests.harness.local import SMALL, LocalBench
from tests.harness.schemas import checked


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Given]:
    with given_archive("folder", tmp_path) as made:
        made.look_after()
        yield made


def test_a_backfill_is_asked_for_shown_in_the_status_and_ended(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("backfill", "acme", "--from", "2025-01-01", "--to", "2025-07-01")
    assert archive.run(*words) == 0
    assert "undo: recordings backfill --cancel acme -a" in capsys.readouterr().out
    assert archive.run(*words) == 4
    assert "next: recordings backfill --cancel acme -a" in capsys.readouterr().err
    archive.run("status", "--json")
    shown = {each["source"]: each["backfill"] for each in checked(capsys.readouterr().out)["sources"]}
    assert shown["dialer"] is None
    assert shown["acme"]["from"] == "2025-01-01T00:00:00Z"
    archive.run("backfill", "acme", "--cancel", "--json")
    assert checked(capsys.readouterr().out)["state"] == "cancelled"
    archive.run("backfill", "acme", "--cancel", "--json")
    assert checked(capsys.readouterr().out)["state"] == "none"
    assert archive.run(*words) == 0


def test_both_ends_of_a_backfill_are_read_in_the_same_zone(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("backfill", "acme", "--from", "2025-01-01", "--to", "2025-01-02", "--tz", "Asia/Kolkata")
    assert archive.run(*words, "--json") == 0
    asked = checked(capsys.readouterr().out)
    assert (asked["from"], asked["to"]) == ("2024-12-31T18:30:00Z", "2025-01-01T18:30:00Z")


@pytest.mark.parametrize("words", [(), ("--from", "2025-07-01", "--to", "2025-01-01"), ("--from", "soon")])
def test_a_period_that_is_none_is_refused(archive: Given, words: tuple[str, ...]) -> None:
    assert archive.run("backfill", "acme", *words) == 2


def test_a_rehearsal_lists_one_day_and_reckons_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Babelforce(recordings=8, **SMALL) as simulator:
        bench = LocalBench(folder=tmp_path, sources={"acme": simulator})
        with given_archive("folder", tmp_path) as archive:
            files = ("--deployment", str(bench.deployment), "--secrets", str(bench.secrets))
            since = datetime.now(UTC) - timedelta(days=10)
            assert archive.run("backfill", "acme", "--from", since.isoformat(), "--dry-run", "--json", *files) == 0
            document = checked(capsys.readouterr().out)
            assert document["state"] == "dry run"
            assert document["estimate"] == pytest.approx(10 * document["sample"]["found"], abs=1)
            assert archive.table.get("acme#walk#backfill") is None


def test_a_period_before_the_source_s_start_is_refused_on_aws(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(aws, a_source("acme", start=datetime(2026, 1, 1, tzinfo=UTC)), with_functions=True)
    from ops.__main__ import main

    assert main(["-a", ARCHIVE, "--region", REGION, "backfill", "acme", "--from", "2025-12-01"]) == 2
    assert "sources.acme.start" in capsys.readouterr().err


# reconcile


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def deployed(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Babelforce]:
    with Babelforce(recordings=3, **SMALL) as simulator:
        source = a_source("acme", base_url=simulator.base_url, allow_private_addresses=True)
        deploy(aws, source, with_functions=True)
        client("secretsmanager").create_secret(Name=source.secret, SecretString=json.dumps(simulator.secret))

        def invoke(archive: DeployedArchive, function: str, event: Any, *, wait: bool = True) -> dict[str, Any]:
            assert (function, wait) == (f"{ARCHIVE}-acme-reconciler", False)
            settings = archive.settings("acme")
            with running(Runtime(settings, AwsEngine(settings, session(), log=io.StringIO()), Clock())):
                reconciler.handler(dict(event), _Context())
            return {}

        monkeypatch.setattr(DeployedArchive, "invoke", invoke)
        yield simulator


def run(*words: str) -> int:
    from ops.__main__ import main

    return main(["-a", ARCHIVE, "--region", REGION, *words])


def test_the_reconciler_is_followed_to_its_report(deployed: Babelforce, capsys: pytest.CaptureFixture[str]) -> None:
    since = datetime.now(UTC) - timedelta(days=12)
    assert run("reconcile", "acme", "--from", since.isoformat(), "--json") == 1
    document = checked(capsys.readouterr().out.splitlines()[-1])  # the function's metrics come before
    assert "/reconciliation-" in document["report"]
    assert document["complete"] is False
    assert sum(day["listed"] for day in document["days"]) == 3


def test_a_source_that_is_being_reconciled_is_refused(
    deployed: Babelforce, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CursorStore(aws.table, source="acme", owner="reconciler", clock=Clock()).acquire()
    assert run("reconcile", "acme") == 4
    assert "already" in capsys.readouterr().err


def test_a_local_archive_is_reconciled_with_its_deployment_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ops.__main__ import main

    with Babelforce(recordings=3, **SMALL) as simulator:
        bench = LocalBench(folder=tmp_path, sources={"acme": simulator})
        assert bench.run_here() == 0
        capsys.readouterr()
        where = ["-a", str(bench.out), "reconcile", "acme"]
        assert main(where) == 2
        files = ["--deployment", str(bench.deployment), "--secrets", str(bench.secrets)]
        assert main([*where, *files]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "acme is complete"
