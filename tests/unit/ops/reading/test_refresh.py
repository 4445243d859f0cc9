"""How the index follows a ledger, in a folder and on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.archiver.clock import Clock
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.holds import Holds
from functions.archiver.ledger.items import pk_of
from functions.archiver.object_keys import digest_of
from ops.archive.archive import Archive
from ops.erasing.orders import Erased
from ops.index.index import Index
from ops.index.query import Query
from ops.index.refresh import BUILT, as_of, refresh
from tests.harness.reading import a_folder, archived, found

LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
DEPLOYED = pytest.mark.parametrize("archive", ["deployed"], indirect=True)


@contextmanager
def fresh(archive: Archive) -> Iterator[Index]:
    with closing(refresh(archive)) as index:
        yield index


def ids(archive: Archive, query: Query = Query()) -> list[str]:  # noqa: B008 - a frozen value
    with fresh(archive) as index:
        return [row.recording_id for row in index.search(query).rows]


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_what_is_new_what_changed_and_what_went_is_seen(archive: Archive) -> None:
    archived(archive, "stays", recorded_at=hours_ago(1))
    ticket = found(archive, "ends", recorded_at=hours_ago(2))
    archived(archive, "goes", recorded_at=hours_ago(3))
    assert ids(archive) == ["stays", "ends", "goes"]
    archive.ledger("acme").mark_gone(ticket, "deleted")
    archive.table.delete(pk_of("acme", "goes"), when=Exists("pk"))
    archived(archive, "comes", recorded_at=hours_ago(0.5))
    assert ids(archive) == ["comes", "stays", "ends"]
    assert ids(archive, Query(state="gone")) == ["ends"]


def test_what_is_past_its_term_is_not_shown_though_the_table_holds_it_yet(archive: Archive) -> None:
    archived(archive, "over", recorded_at=hours_ago(1))
    past = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    archive.table.update(pk_of("acme", "over"), put={"expires_at": past})
    assert ids(archive) == []


@LOCAL
def test_a_change_of_any_day_is_seen_in_a_folder(archive: Archive) -> None:
    ticket = found(archive, "old", recorded_at=LONG_AGO)
    assert ids(archive, Query(state="queued")) == ["old"]
    archive.ledger("acme").mark_gone(ticket, "deleted")
    assert ids(archive, Query(state="gone")) == ["old"]


@LOCAL
def test_another_ledger_in_the_same_folder_means_another_index(archive: Archive, tmp_path: Path) -> None:
    archived(archive, "one")
    assert ids(archive) == ["one"]
    for part in (tmp_path / "archive" / ".archive").glob("ledger.sqlite*"):
        part.unlink()
    again = a_folder(tmp_path / "archive", "acme", "dialer")
    found(again, "other")
    assert ids(again) == ["other"]


@DEPLOYED
def test_a_hold_of_long_ago_and_an_erasure_are_seen_by_their_records(archive: Archive) -> None:
    for name in ("held", "erased"):
        archived(archive, name, recorded_at=LONG_AGO)
    assert set(ids(archive)) == {"held", "erased"}
    Holds(archive.table, source="acme", clock=Clock()).hold("held", "case")
    archive.table.delete(pk_of("acme", "erased"), when=Exists("pk"))
    assert ids(archive, Query(held=True)) == []
    erased = Erased(digest=digest_of("acme", "erased"), source="acme", day=LONG_AGO.date())
    records = {"holds": digest_of("acme", "held"), "erasures": erased.document()}
    for folder, recording in records.items():
        archive.bucket.put(f"{folder}/x.json", json.dumps({"recordings": [recording]}).encode())
    assert ids(archive, Query(held=True)) == ["held"]
    assert ids(archive) == ["held"]


@DEPLOYED
def test_days_whose_term_is_over_are_forgotten_within_the_hour(archive: Archive) -> None:
    archived(archive, "old", recorded_at=LONG_AGO)
    archived(archive, "new", recorded_at=hours_ago(1))
    assert ids(archive) == ["new", "old"]
    archive.table.delete(pk_of("acme", "old"), when=Exists("pk"))
    with fresh(archive) as index:
        index.note("window", (datetime.now(UTC) - timedelta(hours=2)).isoformat())
    assert ids(archive) == ["new"]


@DEPLOYED
def test_a_first_build_that_was_stopped_goes_on_where_it_was(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        found(archive, f"{number:03d}")
    table = type(archive.table)
    whole, stops = table.scan_part, True  # type: ignore[attr-defined]  # only a folder has it

    def part(self: object, segment: int, *rest: object) -> object:
        if segment == 5 and stops:
            raise KeyboardInterrupt
        return whole(self, segment, *rest)

    monkeypatch.setattr(table, "scan_part", part)
    with pytest.raises(KeyboardInterrupt):
        refresh(archive).close()
    stops = False
    with fresh(archive) as index:
        assert (len(index.search(Query(), limit=100).rows), index.noted(BUILT)) == (30, "yes")
        assert as_of(index) is not None


def test_a_search_works_before_the_first_build_has_ended(tmp_path: Path) -> None:
    from tests.harness.page import row

    with closing(Index.open(tmp_path / "i.sqlite")) as index:
        index.put([row(1), row(2)])
        with closing(index.reader()) as reader:
            assert len(reader.search(Query(words="+44 161 496 0001")).rows) == 1
            assert reader.count(Query()) == 2
            assert as_of(reader) is None
