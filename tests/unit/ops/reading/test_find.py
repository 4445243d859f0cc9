"""`find` and `index`, over a folder and over AWS."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.archive.archive import Archive
from tests.harness.reading import NOON, Run, archived, found
from tests.harness.schemas import checked

Captured = pytest.CaptureFixture[str]
LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
"""For what has nothing to do with where the archive is."""

SPELLINGS = ("+44 7700 900123", "00447700900123", "07700 900123", "(07700) 900-123", "447700900123", "7700900123")


def ids(run: Run, capsys: Captured, *words: str) -> list[str]:
    capsys.readouterr()
    assert run("find", "--json", *words) == 0
    return [str(checked(line)["recording_id"]) for line in capsys.readouterr().out.splitlines()]


def test_an_empty_archive_has_nothing(archive: Archive, run: Run, capsys: Captured) -> None:
    assert ids(run, capsys) == []
    assert run("find") == 0
    assert re.fullmatch(r"no recording matches; as of \d\d:\d\d\n", capsys.readouterr().out)


@LOCAL
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_number_finds_its_call(archive: Archive, run: Run, capsys: Captured, spelling: str) -> None:
    archived(archive, "one", from_number="+447700900123", to_number=None)
    archived(archive, "other", from_number="+447700900999", to_number=None)
    assert ids(run, capsys, "--number", spelling) == ["one"]
    assert ids(run, capsys, spelling) == ["one"]


def test_each_filter_narrows(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "here", agent="Björn", direction="outbound", duration_seconds=400)
    archived(archive, "there", source="dialer", agent="Anna", duration_seconds=None)
    found(archive, "waiting", recorded_at=NOON + timedelta(hours=1))
    for words, expected in {
        ("--agent", "bjö"): ["here"],
        ("--direction", "out"): ["here"],
        ("--min-length", "5m"): ["here"],
        ("--max-length", "1:30"): ["waiting"],
        ("--source", "dialer"): ["there"],
        ("--state", "queued"): ["waiting"],
        ("--call", "call-there"): ["there"],
        ("--held",): [],
        ("--limit", "1"): ["waiting"],
        ("--from", "2026-11-27T13:30"): ["waiting"],
        ("--to", "2026-11-27T13:30", "--source", "acme"): ["here"],
        ("call-waiting",): ["waiting"],
    }.items():
        assert ids(run, capsys, *words) == expected, words


@LOCAL
def test_a_day_is_the_archive_s_own_when_clocks_change(archive: Archive, run: Run, capsys: Captured) -> None:
    # On 25 October 2026 Berlin's clocks went back: its day lasted from 22:00 UTC of the day before until 23:00 UTC.
    for name, hour, day in (("before", 21, 24), ("first", 22, 24), ("last", 22, 25), ("after", 23, 25)):
        archived(archive, name, recorded_at=datetime(2026, 10, day, hour, 59, tzinfo=UTC))
    assert ids(run, capsys, "--day", "2026-10-25") == ["last", "first"]
    assert ids(run, capsys, "--from", "2026-10-25", "--to", "2026-10-26") == ["last", "first"]
    assert ids(run, capsys, "--day", "2026-10-25", "--tz", "UTC") == ["after", "last"]


def test_a_change_after_the_first_search_is_seen_by_the_next(archive: Archive, run: Run, capsys: Captured) -> None:
    recent = datetime.now(UTC) - timedelta(hours=1)
    archived(archive, "one", recorded_at=recent)
    found(archive, "two", recorded_at=recent - timedelta(minutes=1))
    assert ids(run, capsys, "--state", "archived") == ["one"]
    archived(archive, "three", recorded_at=recent - timedelta(minutes=2))
    assert ids(run, capsys) == ["one", "two", "three"]


def test_an_exact_id_needs_no_index(archive: Archive, run: Run, capsys: Captured, cache: Path) -> None:
    archived(archive, "exactly this")
    assert ids(run, capsys, "exactly this") == ["exactly this"]
    assert not cache.exists()


@LOCAL
def test_the_table_fits_eighty_columns_and_ends_with_a_verdict(archive: Archive, run: Run, capsys: Captured) -> None:
    for number in range(3):
        archived(archive, f"{number}-0123456789-0123456789-0123456789")
    assert run("find", "--limit", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "2026-11-27 13:00+01:00" in lines[1]
    assert "1-0123456789-01…" in lines[-2]
    assert re.fullmatch(r"2 of 3 recordings; --limit 0 shows all; as of \d\d:\d\d", lines[-1])


@LOCAL
def test_csv_holds_every_field_and_no_formula(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one", agent="=cmd|' /C calc'!A0", from_number="+44 7700 900123", to_number="+1+cmd|'x'!A")
    assert run("find", "--csv", "--limit", "0") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["agent"], row["from_number"]) == ("'=cmd|' /C calc'!A0", "+44 7700 900123")
    assert row["to_number"].startswith("'+")
    assert row["recorded_at"] == "2026-11-27 13:00:03+01:00"
    assert (row["held"], row["transcript"]) == ("false", "false")


@LOCAL
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--number", "12"), 2, "too few digits"),
        (("--source", "acne"), 3, "Did you mean 'acme'"),
        (("--day", "2026-11-27", "--from", "2026-11-01"), 2, "either --day or"),
        (("--min-length", "long"), 2, "write it as 90, 5m, 1h or 4:07"),
        (("--state", "archive"), 2, "archived"),
    ],
)
def test_wrong_words_get_a_sentence(
    archive: Archive, run: Run, capsys: Captured, words: tuple[str, ...], code: int, sentence: str
) -> None:
    assert run("find", *words) == code
    assert sentence in capsys.readouterr().err


def test_the_index_is_its_owner_s_alone_and_can_be_thrown_away(
    archive: Archive, run: Run, capsys: Captured, cache: Path
) -> None:
    archived(archive, "one")
    assert run("index", "--json") == 0
    document = checked(capsys.readouterr().out)
    path = Path(document["path"])
    assert (document["rows"], path.parent) == (1, cache)
    assert (path.stat().st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)
    assert run("index", "--rebuild") == 0
    assert "1 recording as of" in capsys.readouterr().out
    assert run("index", "--where") == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert run("index", "--drop") == 0
    assert not path.exists()
    assert run("index", "--drop", "--where") == 2
    assert "give one of" in capsys.readouterr().err


@LOCAL
def test_json_is_utc_and_names_every_field(archive: Archive, run: Run, capsys: Captured) -> None:
    stored = archived(archive, "one")
    assert run("find", "--json", "--tz", "Asia/Tokyo") == 0
    row = json.loads(capsys.readouterr().out)
    assert row == {
        "schema": "recordings.find/1",
        "source": "acme",
        "recording_id": "one",
        "call_id": "call-one",
        "recorded_at": "2026-11-27T12:00:03Z",
        "duration_seconds": 61.5,
        "direction": "in",
        "from_number": "+44 7700 900123",
        "to_number": "020 7946 0018",
        "agent": "Anna Example",
        "state": "archived",
        "key": stored.key,
        "bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "codec": "pcm",
        "held": False,
        "transcript": False,
    }
