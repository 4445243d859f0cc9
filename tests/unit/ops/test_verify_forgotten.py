"""`verify` misses what a seal names and the ledger does not know, unless it was erased or its term may be over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.sealing.statement import Listed
from ops.archive.identity import keep_identity
from ops.local.engine.folder import FolderBucket
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.program import main
from ops.verify.selection import Selection
from tests.doubles.clock import FakeClock
from tests.harness.schemas import checked
from tests.harness.sealing import SOURCE, SealBench
from tests.unit.ops.test_folder_archive import a_deployment

DAYS = [date(2026, 2, 20) + timedelta(days=number) for number in range(3)]


class Kept(SealBench):
    """An archive in a folder with three sealed days of two recordings each, archived one after the other."""

    def __init__(self, table: SqliteTable, root: Path) -> None:
        self.fake = FakeClock()
        super().__init__(table, FolderBucket(root), self.fake)
        self.root = root
        for number, day in enumerate(DAYS):
            for letter in "ab":
                self.fake.advance(timedelta(minutes=1))
                self.keep(f"{number}{letter}", day, f"sound of {number}{letter}".encode())
        self.reseal()

    def reseal(self) -> None:
        self.seal({day: Listed() for day in DAYS})

    def take_away(self, *ids: str) -> None:
        """Each with its sidecar and its row."""
        for id_ in ids:
            for path in self.root.glob(f"*/source={SOURCE}/date=*/{id_}.*"):
                path.unlink()
            self.table.delete(f"{SOURCE}#recording#{id_}", when=Exists("pk"))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    root = tmp_path / "archive"
    root.mkdir()
    keep_identity(root, a_deployment(SOURCE))
    (root / ".archive" / "format").write_text("1\n")
    with SqliteTable(root / ".archive" / "ledger.sqlite") as table:
        yield Kept(table, root)


def verify(kept: Kept, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what people see, and the document."""
    code = main(["verify", "-a", str(kept.root), "--json", *words])
    said = capsys.readouterr()
    return code, said.err, checked(said.out)


def test_what_was_taken_away_with_its_row_is_missed(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(kept, capsys)[0] == 0
    kept.take_away("1a")
    code, said, document = verify(kept, capsys)
    assert (code, document["checked"], document["same"]) == (6, 5, 5)
    (only,) = document["absent"]
    assert (only["recording_id"], only["key"]) == (None, f"seals/source={SOURCE}/date={DAYS[1]}/")
    assert only["why"] == f"1 recording of {DAYS[1]} was sealed, not erased, and not in the ledger"
    assert (
        f"; next: recordings reconcile {SOURCE} --from {DAYS[1]} --to {DAYS[2]} --deployment FILE --secrets FILE"
        in (said.splitlines()[-1])
    )


def test_a_day_that_is_gone_with_all_of_its_rows_is_missed(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.take_away("2a", "2b")
    code, _, document = verify(kept, capsys)
    assert (code, [each["why"][:26] for each in document["absent"]]) == (6, [f"2 recordings of {DAYS[2]}"])


def test_a_later_seal_that_does_not_name_it_any_more_hides_nothing(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.take_away("1a")
    kept.reseal()
    assert len(kept.seals(DAYS[1])) == 2
    assert verify(kept, capsys)[0] == 6


def test_a_tombstone_of_the_day_stands_for_one(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.take_away("1a")
    kept.ledger.tombstones.bury("1a", DAYS[1], "erased")
    assert verify(kept, capsys)[0] == 0
    kept.take_away("1b")
    assert len(verify(kept, capsys)[2]["absent"]) == 1


def test_what_was_archived_before_all_that_is_there_may_be_past_its_term(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.take_away("0a", "0b", "1a")
    assert verify(kept, capsys)[0] == 0


def test_what_is_on_hold_outlives_its_term_and_proves_nothing(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    Holds(kept.table, source=SOURCE, clock=kept.clock).hold("0a", "Meyer")
    kept.take_away("0b")
    assert verify(kept, capsys)[0] == 0


def heal_with_other_bytes(kept: Kept) -> None:
    Integrity(kept.table, source=SOURCE, clock=kept.clock).mark_altered("1a", "other bytes")
    kept.table.update(f"{SOURCE}#recording#1a", put={"state": "archived", "version_id": "made-new", "sha256": "0" * 64})


def move(kept: Kept) -> None:
    """Its format became known."""
    kept.table.update(f"{SOURCE}#recording#1a", put={"key": f"audio/source={SOURCE}/date={DAYS[1]}/1a.ogg"})


@pytest.mark.parametrize("change", [heal_with_other_bytes, move])
def test_what_was_fetched_anew_or_moved_is_not_missed_as_forgotten(
    kept: Kept, capsys: pytest.CaptureFixture[str], change: Callable[[Kept], None]
) -> None:
    change(kept)
    assert all(each["recording_id"] for each in verify(kept, capsys)[2]["absent"])


def test_a_part_of_the_days_is_judged_by_itself_and_a_sample_not_at_all(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.take_away("1b")
    assert verify(kept, capsys, "--from", str(DAYS[1]), "--to", str(DAYS[1]))[0] == 6
    assert verify(kept, capsys, "--from", f"{DAYS[2]}T01:00")[0] == 0
    assert verify(kept, capsys, "--sample", "5")[0] == 0


@pytest.mark.parametrize(
    ("since", "until", "taken"),
    [
        (datetime(2026, 2, 21), datetime(2026, 2, 21), ["2026-02-20", "2026-02-21"]),
        (datetime(2026, 2, 21, 9), datetime(2026, 2, 21, 10), ["2026-02-21"]),
        (datetime(2026, 2, 21, tzinfo=UTC), datetime(2026, 2, 21, tzinfo=UTC), ["2026-02-21"]),
    ],
)
def test_days_are_those_of_the_archives_zone_the_last_one_included(
    since: datetime, until: datetime, taken: list[str]
) -> None:
    selection = Selection(since=since, until=until)
    days = [f"2026-02-{number}" for number in range(18, 25)]
    assert [day for day in days if selection.takes_day(day, ZoneInfo("Europe/Berlin"))] == taken
