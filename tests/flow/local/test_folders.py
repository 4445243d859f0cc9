"""Folders that a run refuses, and those of an earlier version that it takes over."""

from __future__ import annotations

import threading
import time

import pytest

from functions.archiver.errors import Misconfigured
from ops.shell.output import Failure
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.harness.local import LocalBench, kill, modes


def test_a_folder_with_other_files_is_refused_and_nothing_is_written(bench: LocalBench) -> None:
    bench.out.mkdir()
    (bench.out / "thesis.txt").write_text("mine")
    with pytest.raises(Failure, match=r"holds other files, such as 'thesis\.txt'") as failure:
        bench.run_here()
    assert failure.value.code == 2
    assert [path.name for path in bench.out.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_and_a_folder_in_place_of_a_file_are_sentences(bench: LocalBench) -> None:
    bench.out.write_text("a file")
    with pytest.raises(Failure, match="is a file"):
        bench.run_here()
    bench.out.unlink()
    (bench.out / "ledger.jsonl").mkdir(parents=True)
    (bench.out / "metadata").mkdir()
    with pytest.raises(Failure, match=r"ledger\.jsonl is a folder"):
        bench.run_here()


def test_a_folder_of_a_newer_version_and_a_damaged_ledger_are_sentences(bench: LocalBench) -> None:
    assert bench.run_here() == 0
    marker = bench.out / ".archive" / "format"
    marker.write_text("2\n")
    with pytest.raises(Failure, match="newer version") as newer:
        bench.run_here()
    marker.write_text("1\n")
    (bench.out / ".archive" / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(Failure, match="is damaged") as damaged:
        bench.run_here()
    assert (newer.value.code, damaged.value.code) == (2, 5)
    (bench.out / ".archive" / "ledger.sqlite").unlink()
    with pytest.raises(Failure, match="is missing") as missing:
        bench.run_here()
    assert (missing.value.code, "rebuild-ledger" in str(missing.value.next)) == (5, True)


def test_a_wrong_secret_leaves_no_folder_behind(bench: LocalBench) -> None:
    bench.secrets.write_text('{"acme": {"client_id": "only"}}')
    with pytest.raises(Misconfigured):
        bench.run_here()
    assert not bench.out.exists()


def as_an_earlier_version_left_it(bench: LocalBench) -> None:
    """Without the engine's own folder, and open to everybody."""
    import shutil

    shutil.rmtree(bench.out / ".archive")
    for path, _ in modes(bench.out):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_folder_of_an_earlier_version_is_taken_over_and_made_private(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = next(iter(acme.recordings))
    acme.faults.add(Fault("html", recording_id=broken, times=None))
    assert bench.run_here() == 1
    before = bench.rows()
    as_an_earlier_version_left_it(bench)
    asked = len([served for served in acme.log if served.kind == "media"])
    assert bench.run_here() == 1
    assert f"\n{len(before)} recordings taken over\n" in capsys.readouterr().err
    after = bench.rows()
    assert after == before
    assert len([served for served in acme.log if served.kind == "media"]) == asked
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes(bench.out))


class StoppedAt(threading.Event):
    """Somebody stops the run when it has asked so often whether anybody has."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_a_take_over_that_is_stopped_or_killed_in_the_middle_changes_nothing_and_the_next_run_goes_on(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    before = bench.rows()
    as_an_earlier_version_left_it(bench)
    for looks in (0, 5, 11):
        assert bench.run_here(stopping=StoppedAt(looks)) == 130
        assert bench.rows() == before
        assert not (bench.out / ".archive" / "format").exists()
    process = bench.start()
    while not (bench.out / ".archive" / "ledger.sqlite").exists():
        time.sleep(0.01)
    kill(process)
    asked = len(acme.served("media"))
    assert bench.run_here() == 0
    assert (bench.rows(), len(acme.served("media"))) == (before, asked)


@pytest.mark.parametrize("line", ["{", "[]", '{"state": "archived"}', '{"source": 1, "state": "lost"}', "\x00"])
def test_a_bad_line_of_an_earlier_ledger_is_named_and_nothing_is_changed(bench: LocalBench, line: str) -> None:
    assert bench.run_here() == 0
    as_an_earlier_version_left_it(bench)
    with (bench.out / "ledger.jsonl").open("a") as ledger:
        ledger.write(f"{line}\n")
    before = modes(bench.out)
    with pytest.raises(Failure, match=r"ledger\.jsonl:13: is not a line of a ledger") as failure:
        bench.run_here()
    assert (failure.value.code, modes(bench.out)) == (2, before)
