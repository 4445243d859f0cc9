"""The report names each day, what is not archived, and what the bucket holds otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from functions.archiver.entry import State, Stored
from functions.archiver.errors import TOO_SLOW
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.table import Item, Table
from functions.archiver.reconciling.report import MAX_NAMED
from functions.archiver.recording import Recording, Window
from functions.archiver.throttling.lanes import read
from tests.doubles.aws import Aws, s3
from tests.doubles.clock import NOON, FakeClock
from tests.harness.reconciling import BODY, DAY, REPORT, ReconcilerBench, row


def test_the_report_counts_each_day_and_names_what_is_not_archived(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("kept", 3), row("broken", 2), row("found", 2.1)]
    bench.intake.take([row("kept", 3), row("lost", 3.1), row("broken", 2)], "schedule")
    for message in bench.aws.messages():
        ticket = read(message).ticket
        if ticket.id == "kept":
            bench.archive(ticket)
        elif ticket.id == "lost":
            bench.ledger.mark_gone(ticket, "410")
        else:
            bench.ledger.mark_failed(ticket, "no audio", attempts=5)
    assert bench.reconcile().report == REPORT
    report = bench.aws.document(REPORT)
    assert (report["source"], report["complete"], report["not_read_cleanly"]) == ("acme", False, [])
    assert report["generated_at"] == NOON.isoformat()
    assert report["listed_until"] == (NOON - timedelta(minutes=15)).isoformat()
    first, second = bench.day_of(3), bench.day_of(2)
    assert [each["recording_id"] for each in first.pop("gone_named")] == ["lost"]
    assert first == {
        "date": "2026-03-01",
        "state": "complete",
        "complete": True,
        "listed": 1,
        "ledger": 2,
        "bucket": 1,
        "archived": 1,
        "gone": 1,
        "failed": 0,
        "accepted": 0,
        "quarantined": 0,
        "altered": 0,
        "absent": 0,
        "erased": 0,
        "deleted_at_source": 0,
        "in_work": 0,
        "missing": 0,
        "foreign": 0,
        "too_slow": 0,
        "found_by_reconciler": 0,
        "as_of": report["listed_until"],
        "report": REPORT,
        "seal": None,
        "deletes_on": "2026-03-31",
        "differences": [],
    }
    assert (second["date"], second["listed"], second["failed"], second["in_work"]) == ("2026-03-02", 2, 1, 1)
    assert (second["found_by_reconciler"], second["state"], second["missing"]) == (1, "missing", 1)
    named = {each["recording_id"]: each for each in second["differences"]}
    assert set(named) == {"broken", "found"}
    assert named["broken"] == {
        "what": "failed",
        "key": None,
        "recording_id": "broken",
        "call_id": "call of broken",
        "recorded_at": "2026-03-02T12:00:00+00:00",
        "state": "failed",
        "accepted": False,
        "reason": "no audio",
        "attempts": 5,
        "due_at": None,
    }
    assert named["found"]["due_at"] == (NOON + timedelta(hours=1)).isoformat()


def test_every_day_of_the_window_is_named_whether_it_had_calls_or_not(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("kept", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    bench.reconcile()
    days = bench.aws.document(REPORT)["days"]
    assert [day["date"] for day in days] == [(NOON - n * DAY).date().isoformat() for n in range(7, -1, -1)]
    assert [day["state"] for day in days] == ["complete"] * 7 + ["today"]
    assert [day["listed"] for day in days] == [0, 0, 0, 0, 1, 0, 0, 0]


def spoil(bench: ReconcilerBench, how: str) -> None:
    """Something happens to the one archived object behind the ledger's back."""
    key = "audio/source=acme/date=2026-03-01/kept.wav"
    (version,) = s3().list_object_versions(Bucket=bench.aws.bucket, Prefix=key)["Versions"]
    if how == "missing":
        s3().delete_object(Bucket=bench.aws.bucket, Key=key, VersionId=version["VersionId"])
    elif how == "deleted":
        s3().delete_object(Bucket=bench.aws.bucket, Key=key)
    elif how == "foreign version":
        s3().put_object(Bucket=bench.aws.bucket, Key=key, Body=BODY)
    elif how == "foreign version alone":
        s3().put_object(Bucket=bench.aws.bucket, Key=key, Body=BODY)
        s3().delete_object(Bucket=bench.aws.bucket, Key=key, VersionId=version["VersionId"])
    elif how == "other size":
        bench.aws.table.update("acme#recording#kept", put={"bytes": 10})
    else:
        s3().put_object(Bucket=bench.aws.bucket, Key=key.replace("kept", "nobodys"), Body=BODY)


@pytest.mark.parametrize(
    ("how", "what", "state"),
    [
        ("missing", "missing", "missing"),
        ("deleted", "deleted", "missing"),
        ("foreign version", "foreign version", "altered"),
        ("foreign version alone", "foreign version", "altered"),
        ("other size", "other size", "altered"),
        ("foreign", "foreign", "altered"),
    ],
)
def test_the_report_looks_into_the_bucket(bench: ReconcilerBench, how: str, what: str, state: str) -> None:
    bench.provider.rows = [row("kept", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    spoil(bench, how)
    assert bench.reconcile().complete is False
    day = bench.day_of(3)
    assert (day["state"], day["complete"]) == (state, False)
    (named,) = day["differences"]
    assert named["what"] == what
    assert named["key"].startswith("audio/source=acme/date=2026-03-01/")


def test_a_ledger_that_says_archived_of_an_empty_bucket_is_not_believed(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("one", 2), row("two", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    for found in s3().list_object_versions(Bucket=bench.aws.bucket)["Versions"]:
        s3().delete_object(Bucket=bench.aws.bucket, Key=found["Key"], VersionId=found["VersionId"])
    assert bench.reconcile().complete is False
    assert [bench.day_of(days)["missing"] for days in (3, 2)] == [1, 1]


def test_what_is_in_work_is_not_missing_and_its_object_is_not_foreign(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("coming", 2)]
    bench.intake.take(bench.provider.rows, "schedule")
    s3().put_object(Bucket=bench.aws.bucket, Key="audio/source=acme/date=2026-03-02/coming.wav", Body=BODY)
    bench.reconcile()
    day = bench.day_of(2)
    assert (day["state"], day["in_work"], day["missing"], day["foreign"]) == ("in work", 1, 0, 0)


def test_another_sources_objects_are_none_of_its_business(bench: ReconcilerBench) -> None:
    s3().put_object(Bucket=bench.aws.bucket, Key="audio/source=acme-2/date=2026-03-02/theirs.wav", Body=BODY)
    assert bench.reconcile().complete is True


def test_what_a_person_accepted_no_longer_spoils_its_day(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("broken", 2)]
    bench.intake.take(bench.provider.rows, "schedule")
    for message in bench.aws.messages():
        bench.ledger.mark_failed(read(message).ticket, TOO_SLOW)
    bench.reconcile()
    assert (bench.day_of(2)["state"], bench.day_of(2)["too_slow"]) == ("missing", 1)
    bench.ledger.revival.accept("broken", "a fax")
    assert bench.aws.table.delete("acme#reconciler", when=Exists("pk"))
    assert bench.reconcile().complete is True
    day = bench.day_of(2)
    assert (day["state"], day["failed"], day["accepted"], day["too_slow"]) == ("complete", 0, 1, 0)
    assert [each["recording_id"] for each in day["differences"]] == ["broken"]


def test_what_lies_in_quarantine_is_looked_for_there(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("odd", 2), row("lost", 2)]
    bench.intake.take(bench.provider.rows, "schedule")
    for message in bench.aws.messages():
        ticket = read(message).ticket
        key = bench.ledger.entry(ticket).place.quarantine
        version = "gone"
        if ticket.id == "odd":
            version = s3().put_object(Bucket=bench.aws.bucket, Key=key, Body=BODY)["VersionId"]
        stored = Stored(key=key, version_id=version, size_bytes=9, sha256="ab" * 32, content_type="x/y")
        bench.ledger.mark_quarantined(ticket, stored, "unknown")
    bench.reconcile()
    day = bench.day_of(2)
    assert (day["quarantined"], day["missing"], day["bucket"]) == (2, 1, 1)
    assert {each["recording_id"]: each["what"] for each in day["differences"]} == {
        "odd": "quarantined",
        "lost": "missing",
    }


@pytest.mark.parametrize(
    ("state", "mark", "word"),
    [(State.ALTERED, Integrity.mark_altered, "altered"), (State.ABSENT, Integrity.mark_absent, "missing")],
)
def test_what_verify_found_stands_in_the_report(
    bench: ReconcilerBench, state: State, mark: Callable[[Integrity, str, str], bool], word: str
) -> None:
    bench.provider.rows = [row("kept", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    assert mark(Integrity(bench.aws.table, source="acme", clock=bench.clock), "kept", "other bytes")
    assert bench.reconcile().complete is False
    day = bench.day_of(3)
    assert (day["state"], day[state.value]) == (word, 1)


def test_a_span_in_which_everything_is_archived_is_complete(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("kept", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    assert bench.reconcile().complete is True
    assert bench.aws.document(REPORT)["complete"] is True


def test_what_could_not_be_read_cleanly_is_in_the_report_which_then_is_not_complete(bench: ReconcilerBench) -> None:
    bench.provider.malformed = "1 rows have no usable id"
    assert bench.reconcile().complete is False
    report = bench.aws.document(REPORT)
    assert {span["reason"] for span in report["not_read_cleanly"]} == {"1 rows have no usable id"}


def test_an_unclean_day_of_long_ago_does_not_spoil_every_later_report(bench: ReconcilerBench, clock: FakeClock) -> None:
    bench.provider.malformed = "1 rows have no usable id"
    assert bench.reconcile().complete is False
    bench.provider.malformed = None
    clock.advance(DAY)
    assert bench.reconcile().complete is True


MIDNIGHT = (NOON - 2 * DAY).replace(hour=0)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=1)),
        (MIDNIGHT + timedelta(seconds=1), MIDNIGHT - timedelta(seconds=1)),
        (None, MIDNIGHT - timedelta(hours=30)),
        (MIDNIGHT, MIDNIGHT - timedelta(hours=30)),
    ],
    ids=["a day later", "a day before", "none at first", "another zone"],
)
@pytest.mark.parametrize("pages", [1, 2])
def test_a_recording_whose_date_the_provider_changes_is_missing_on_no_day(
    bench: ReconcilerBench, first: datetime | None, later: datetime, pages: int
) -> None:
    """It stays under the day of its first date, and is counted there."""
    others = [row(f"rec-{number:02}", 5 - number / 10) for number in range(10 * pages - 1)]
    bench.intake.take([Recording(id="moves", recorded_at=first, raw={"id": "moves"}), *others], "schedule")
    bench.provider.rows = [*others, Recording(id="moves", recorded_at=later, raw={"id": "moves"})]
    bench.reconcile()
    days = bench.aws.document(REPORT)["days"]
    assert [day["missing"] for day in days] == [0] * len(days)
    assert sum(day["listed"] for day in days) == len(bench.provider.rows)
    entry = bench.ledger.find("moves")
    assert entry is not None
    (day,) = (day for day in days if day["date"] == entry.day.isoformat())
    assert day["listed"] == day["ledger"]


class Lagging:
    """A table whose indexes show a write only when it is 800 ms old, as DynamoDB's may."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self._table = table
        self._clock = clock
        self._written: dict[str, datetime] = {}

    def put_new(self, item: Mapping[str, object]) -> bool:
        self._written[str(item["pk"])] = self._clock.now()
        return self._table.put_new(item)

    def query(self, *given: Any, **named: Any) -> list[Item]:
        latest = self._clock.now() - timedelta(milliseconds=800)
        return [key for key in self._table.query(*given, **named) if self._written.get(key["pk"], latest) <= latest]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


@pytest.mark.parametrize("days_ago", [3, 6.4, 20])
@pytest.mark.parametrize("count", [1, 12])
def test_what_was_found_a_moment_ago_is_in_work_and_not_missing(
    aws: Aws, clock: FakeClock, days_ago: float, count: int
) -> None:
    """The index of days may not show it yet."""
    bench = ReconcilerBench(replace(aws, table=cast(Table, Lagging(aws.table, clock))), clock)
    bench.provider.rows = [row(f"rec-{number}", days_ago - number / 1000) for number in range(count)]
    at = NOON - days_ago * DAY
    done = bench.reconcile(Window(start=at, end=at + timedelta(hours=1)))
    assert done.report is not None
    (day,) = (day for day in aws.document(done.report)["days"] if day["listed"])
    assert (day["state"], day["in_work"], day["missing"]) == ("in work", count, 0)


def test_a_day_with_very_many_missing_recordings_names_some_and_counts_all(
    bench: ReconcilerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_NAMED >= 100
    monkeypatch.setattr("functions.archiver.reconciling.report.MAX_NAMED", 3)
    bench.provider.rows = [row(f"rec-{number}", 2) for number in range(5)]
    bench.reconcile()
    day = bench.day_of(2)
    assert (day["in_work"], len(day["differences"])) == (5, 3)


def test_the_page_beside_the_report_shows_hostile_texts_as_text(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row('"><img onerror=x>', 1)]
    bench.reconcile()
    html = s3().get_object(Bucket=bench.aws.bucket, Key=REPORT.replace("json", "html"))["Body"].read().decode()
    assert "<img" not in html
    assert "&lt;img onerror=x&gt;" in html
    assert "~ 1/1" in html
