"""Bytes that are no longer what they were: found, set aside, and healed by the provider where it still has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.archiver.clock import Clock
from functions.archiver.ledger.tombstones import Tombstones
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.program import main
from simulators.providers.babelforce import Babelforce
from tests.harness.local import LocalBench, verified


def flip(path: Path) -> bytes:
    """Turns one bit of a file, as a failing disk does; the bytes that it had."""
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    return content


def test_a_flipped_byte_is_found_by_verify_set_aside_by_the_next_run_and_healed_by_the_provider(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    flipped, gone = list(acme.recordings)[:2]
    path = bench.audio(flipped)
    true_bytes = flip(path)
    damaged = path.read_bytes()
    missing = bench.audio(gone)
    missing.unlink()
    code, found, told = verified(bench)
    assert (code, [each["recording_id"] for each in found["altered"]]) == (6, [flipped])
    assert [each["recording_id"] for each in found["absent"]] == [gone]
    assert (found["checked"], found["same"]) == (12, 10)
    assert "acme: 2 recordings no longer match their digest:" in told
    assert path.read_bytes() == damaged, "verify moves nothing"
    assert bench.run_here() == 6
    assert bench.audio(flipped).read_bytes() == true_bytes
    assert (bench.out / "altered" / path.relative_to(bench.out)).read_bytes() == damaged
    assert bench.holds_all("acme")
    assert bench.run_here() == 0
    assert verified(bench)[0] == 0


def test_what_is_altered_and_no_longer_at_the_provider_stays_in_the_ledger_and_is_said_each_time(
    bench: LocalBench, acme: Babelforce
) -> None:
    assert bench.run_here() == 0
    flipped, gone = list(acme.recordings)[:2]
    flip(bench.audio(flipped))
    bench.audio(gone).unlink()
    acme.remove(flipped)
    acme.remove(gone)
    assert verified(bench)[0] == 6
    for _ in range(2):
        assert bench.run_here() == 6
        rows = bench.rows()
        assert (len(rows), rows[flipped]["state"], rows[gone]["state"]) == (12, "altered", "absent")
    assert bench.figures()["sources"]["acme"]["altered"] == 1


def test_an_absent_file_is_named_by_the_run_itself_because_names_and_sizes_are_looked_at(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    newest = max(acme.recordings.values(), key=lambda recording: recording.recorded_at).id
    bench.audio(newest).unlink()
    assert bench.run_here() == 6
    assert f"acme: {newest!r} is absent" in "".join(capsys.readouterr())
    assert bench.run_here() == 6, "the run that heals it says so too"
    assert bench.run_here() == 0


def test_a_link_in_the_place_of_a_recording_is_altered_set_aside_and_healed(
    bench: LocalBench, acme: Babelforce, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    newest = max(acme.recordings.values(), key=lambda recording: recording.recorded_at).id
    path, elsewhere = bench.audio(newest), tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert bench.run_here() == 6
    said = "".join(capsys.readouterr())
    assert f"acme: {newest!r} is altered: a symbolic link lies in its place" in said
    assert bench.run_here() == 6, "the run that heals it says so too"
    assert (path.is_symlink(), path.read_bytes()) == (False, elsewhere.read_bytes())
    assert (bench.out / "altered" / path.relative_to(bench.out)).is_symlink()
    assert (bench.run_here(), verified(bench)[0]) == (0, 0)


def test_verify_finds_what_is_shortened_swapped_and_extra(bench: LocalBench, acme: Babelforce) -> None:
    assert bench.run_here() == 0
    short, one, other = list(acme.recordings)[:3]
    bench.audio(short).write_bytes(bench.audio(short).read_bytes()[:-1])
    first, second = bench.audio(one), bench.audio(other)
    bytes_of_first = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(bytes_of_first)
    (first.parent / "stranger.mp3").write_bytes(b"who put this here")
    code, found, _ = verified(bench, "--dry-run")
    assert (code, {each["recording_id"] for each in found["altered"]}) == (6, {short, one, other})
    assert [each["key"].rpartition("/")[2] for each in found["extra"]] == ["stranger.mp3"]
    sample = [verified(bench, "--dry-run", "--sample", "5", "--seed", "7")[1] for _ in range(2)]
    assert sample[0]["checked"] == 5
    assert sample[0]["altered"] == sample[1]["altered"]
    assert verified(bench, "--dry-run", one)[1]["checked"] == 1
    assert verified(bench, "nobody")[0] == 3
    assert {row["state"] for row in bench.rows().values()} == {"archived"}


def test_what_an_erasure_that_was_cut_short_has_taken_is_not_fetched_again(
    bench: LocalBench, acme: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here() == 0
    going, absent = list(acme.recordings)[:2]
    for id_ in (going, absent):
        bench.audio(id_).unlink()
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
        stones = Tombstones(table, source="acme", clock=Clock())
        stones.bury(going, acme.recordings[going].recorded_at.date(), "erased")
    code, found, told = verified(bench)
    assert (code, [each["recording_id"] for each in found["undecided"]]) == (6, [going])
    assert [each["recording_id"] for each in found["absent"]] == [absent]
    assert f"{going}.mp3 is undecided: its erasure was begun and not ended" in told
    asked = len(acme.log)
    assert bench.run_here() == 6  # the absent one was mended
    assert [served.recording_id for served in acme.log[asked:] if served.kind == "media"] == [absent]
    assert not [*bench.out.glob(f"audio/source=*/date=*/{going}.*")]
    code, _, told = verified(bench)
    assert (code, f"next: recordings erase --deferred -a {bench.out}" in told) == (1, True)
    capsys.readouterr()
    assert main(["show", going, "-a", str(bench.out)]) == 0
    assert f"next       recordings erase --deferred -a {bench.out}" in capsys.readouterr().out
