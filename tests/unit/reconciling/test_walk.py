"""The daily comparison finds what is missing and says so."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from functions.archiver.bucket.s3 import S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.entry import State, Stored, Ticket
from functions.archiver.errors import TOO_SLOW, Unavailable
from functions.archiver.ledger.conditions import Exists
from functions.archiver.ledger.totals import Totals
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.reconciling.days import Days
from functions.archiver.reconciling.expiring import Expiring
from functions.archiver.reconciling.report import MAX_NAMED
from functions.archiver.reconciling.walk import EVERY, Reconciled, Reconciler
from functions.archiver.recording import Recording, Window
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.throttling.lanes import read
from tests.doubles.aws import Aws, s3
from tests.doubles.clock import NOON, FakeClock
from tests.harness.listing import Bench
from tests.harness.sealing import a_sealer

DAY = timedelta(days=1)
REPORT = "reports/source=acme/date=2026-03-04/reconciliation.json"
BODY = b"all of it"


class ReconcilerBench(Bench):
    """A bench whose cursors are the reconciler's."""

    def __init__(self, aws: Aws, clock: FakeClock) -> None:
        super().__init__(aws, clock)
        self.cursors = CursorStore(aws.table, source=self.source, owner="reconciler", clock=clock)
        self.discovered_by = "reconcile"
        self.span = 7 * DAY
        self.term_days: int | None = None
        self.listed_until: datetime | None = None
        self.retention: timedelta | None = 30 * DAY

    def reconcile(self, asked: Window | None = None) -> Reconciled:
        bucket = S3Bucket(s3(), self.aws.bucket)
        store = Store(bucket, policy=StoragePolicy(storage="auto", expire_after_days=None))
        return Reconciler(
            source=self.source,
            days=Days(source=self.source, ledger=self.ledger, bucket=bucket),
            listing=lambda cursors: self.listing(),
            retention=self.ask_retention,
            cursors=self.cursors,
            ledger=self.ledger,
            totals=Totals(self.aws.table, source=self.source),
            store=store,
            sealer=lambda cursors: a_sealer(cursors, bucket, self.ledger, self.clock),
            expiring=Expiring(
                self.aws.table,
                source=self.source,
                clock=self.clock,
                days=self.term_days,
                retention=self.ledger.retention,
                totals=Totals(self.aws.table, source=self.source),
                settled=self.span,
            ),
            clock=self.clock,
            span=self.span,
            start=self.start,
            listed_until=lambda: self.listed_until,
            seconds_left=lambda: 900.0,
        ).run(asked=asked)

    def ask_retention(self) -> timedelta | None:
        if self.retention is None:
            raise Unavailable("503")
        return self.retention

    def archive_all(self) -> None:
        for message in self.aws.messages():
            self.archive(read(message).ticket)

    def archive(self, ticket: Ticket) -> None:
        """With its bytes in the bucket, as the downloader does."""
        key = self.ledger.entry(ticket).place.audio("wav")
        version = s3().put_object(Bucket=self.aws.bucket, Key=key, Body=BODY)["VersionId"]
        digest = hashlib.sha256(BODY).hexdigest()
        stored = Stored(key=key, version_id=version, size_bytes=len(BODY), sha256=digest, content_type="audio/wav")
        self.ledger.mark_archived(ticket, stored)

    def day_of(self, days_ago: int) -> dict[str, Any]:
        """What the report of today says of a day."""
        wanted = (NOON - days_ago * DAY).date().isoformat()
        (day,) = (each for each in self.aws.document(REPORT)["days"] if each["date"] == wanted)
        found: dict[str, Any] = day
        return found


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ReconcilerBench:
    return ReconcilerBench(aws, clock)


def row(id_: str, days_ago: float) -> Recording:
    return Recording(id=id_, call_id=f"call of {id_}", recorded_at=NOON - days_ago * DAY, raw={"id": id_})


def test_what_the_archive_misses_is_inserted_and_goes_into_the_lanes(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("known", 3), row("missed", 2)]
    bench.intake.take([row("known", 3)], "schedule")
    done = bench.reconcile()
    assert done.findings is not None
    assert done.findings.new == 1
    assert {e.recording.id: e.discovered_by for e in bench.ledger.everything()} == {
        "known": "schedule",
        "missed": "reconcile",
    }
    assert bench.states()["missed"] is State.QUEUED


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


@pytest.mark.parametrize(("state", "word"), [(State.ALTERED, "altered"), (State.ABSENT, "missing")])
def test_what_verify_found_stands_in_the_report(bench: ReconcilerBench, state: State, word: str) -> None:
    bench.provider.rows = [row("kept", 3)]
    bench.intake.take(bench.provider.rows, "schedule")
    bench.archive_all()
    bench.ledger.revival.note_bytes("kept", state, "other bytes")
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


def test_only_the_last_days_are_listed_and_never_before_the_start(bench: ReconcilerBench) -> None:
    bench.span, bench.start = 7 * DAY, NOON - 5 * DAY
    bench.reconcile()
    assert min(asked.window.start for asked in bench.provider.asked) == bench.start
    assert max(asked.window.end for asked in bench.provider.asked) == NOON - timedelta(minutes=15)
    assert bench.aws.table.delete("acme#reconciler", when=Exists("pk"))
    bench.start = NOON - 30 * DAY
    bench.provider.asked.clear()
    bench.reconcile()
    assert min(asked.window.start for asked in bench.provider.asked) == (NOON - 7 * DAY).replace(hour=0)


def test_there_is_one_report_a_day_however_often_it_is_asked_for(bench: ReconcilerBench, clock: FakeClock) -> None:
    assert bench.reconcile().report == REPORT
    asked = len(bench.provider.asked)
    clock.advance(EVERY - timedelta(minutes=1))
    assert replace(bench.reconcile(), sealed_until=None) == Reconciled()
    assert len(bench.provider.asked) == asked
    clock.advance(timedelta(minutes=1))
    assert bench.reconcile().report == "reports/source=acme/date=2026-03-05/reconciliation.json"


def test_a_span_too_long_for_one_invocation_goes_on_in_the_next_and_the_report_comes_last(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    bench.provider.rows = [row(f"rec-{number:02}", 6.5 - number / 10) for number in range(60)]
    done, runs = Reconciled(), 0
    while done.report is None:
        bench.stop_after(pages=4)
        done, runs = bench.reconcile(), runs + 1
        clock.advance(timedelta(minutes=15))
        assert runs < 30
        assert (REPORT in keys(bench.aws)) is (done.report is not None)
    assert runs > 2
    assert sum(day["listed"] for day in bench.aws.document(REPORT)["days"]) == 60
    assert len(bench.ids()) == 60


def keys(aws: Aws) -> list[str]:
    return [found["Key"] for found in s3().list_objects_v2(Bucket=aws.bucket).get("Contents", [])]


def test_a_second_reconciler_does_nothing_while_the_first_is_at_work(bench: ReconcilerBench, clock: FakeClock) -> None:
    other = ReconcilerBench(bench.aws, clock)
    seen: list[Reconciled] = []
    bench.provider.before = lambda number: seen.append(other.reconcile()) if not seen else None
    assert bench.reconcile().report == REPORT
    assert seen == [Reconciled()]
    assert other.provider.asked == []


def test_a_day_with_very_many_missing_recordings_names_some_and_counts_all(
    bench: ReconcilerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_NAMED >= 100
    monkeypatch.setattr("functions.archiver.reconciling.report.MAX_NAMED", 3)
    bench.provider.rows = [row(f"rec-{number}", 2) for number in range(5)]
    bench.reconcile()
    day = bench.day_of(2)
    assert (day["in_work"], len(day["differences"])) == (5, 3)


def test_how_long_the_provider_keeps_recordings_is_asked_once_a_day_and_its_last_answer_kept(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    bench.reconcile()
    assert bench.ledger.retention() == 30 * DAY
    bench.retention = None
    clock.advance(DAY)
    assert bench.reconcile().report is not None
    assert bench.ledger.retention() == 30 * DAY


# spans that a person asks for, totals, and the page


def test_a_span_that_is_asked_for_has_a_report_of_its_own(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("old", 20)]
    bench.reconcile()
    assert bench.ledger.find("old") is None
    done = bench.reconcile(Window(start=NOON - 21 * DAY, end=NOON - 19 * DAY))
    assert done.report == "reports/source=acme/date=2026-03-04/reconciliation-2026-02-11-2026-02-13.json"
    days = {day["date"]: day["listed"] for day in bench.aws.document(done.report)["days"]}
    assert days == {"2026-02-11": 0, "2026-02-12": 1, "2026-02-13": 0}
    assert bench.ledger.find("old") is not None
    assert bench.aws.document(REPORT)["days"][0]["date"] > "2026-02-13"


def test_a_report_leaves_totals_of_its_days_and_of_days_before_them(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row("new", 1)]
    bench.start, bench.listed_until = NOON - 20 * DAY, NOON - 9 * DAY
    bench.ledger.insert(row("older", 11), "schedule")
    bench.reconcile()
    uncounted = {day for day, _ in Totals(bench.aws.table, source="acme").uncounted(bench.start.date(), NOON.date())}
    assert uncounted == {(NOON - n * DAY).date() for n in (1, 8, 9, 11)}


def archived_long_ago(bench: ReconcilerBench, id_: str, days_ago: int) -> date:
    """As the lister and the downloader leave a recording that no reconciler has seen yet."""
    bench.start, bench.listed_until = NOON - 20 * DAY, NOON
    ticket = bench.ledger.insert_queued(row(id_, days_ago), "schedule")
    assert ticket is not None
    bench.archive(ticket)
    return (NOON - days_ago * DAY).date()


def test_a_day_that_had_left_the_window_before_the_first_reconcile_is_sealed_as_unknown(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    (seal,) = [each for each in bench.reconcile().sealed if each.statement.day == day]
    assert (seal.statement.archived, seal.statement.listed, seal.statement.complete) == (1, None, "unknown")
    assert [each for each in bench.reconcile().sealed if each.statement.day == day] == []


def test_a_day_on_which_something_still_waits_is_sealed_when_that_is_done(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    ticket = bench.ledger.insert_queued(row("slower", 11), "schedule")
    assert ticket is not None
    assert day not in {each.statement.day for each in bench.reconcile().sealed}
    bench.archive(ticket)
    (seal,) = [each for each in bench.reconcile().sealed if each.statement.day == day]
    assert seal.statement.archived == 2


def test_a_day_that_somebody_has_reconciled_first_after_it_left_the_window_is_sealed(bench: ReconcilerBench) -> None:
    day = archived_long_ago(bench, "older", 11)
    bench.listed_until = None
    bench.provider.rows = [row("older", 11)]
    done = bench.reconcile(Window(start=NOON - 12 * DAY, end=NOON - 10 * DAY))
    (seal,) = [each for each in done.sealed if each.statement.day == day]
    assert (seal.statement.listed, seal.statement.complete) == (1, True)


def test_a_day_of_which_something_was_erased_is_sealed_again_by_the_next_run(
    bench: ReconcilerBench, clock: FakeClock
) -> None:
    day = archived_long_ago(bench, "older", 11)
    bench.reconcile()
    bench.ledger.tombstones.bury("older", day, "erased")
    assert bench.ledger.erase("older")
    for version in list(bench.store.bucket.versions(f"audio/source=acme/date={day}/")):
        bench.store.bucket.delete(version.key, version_id=version.version_id)
    Totals(bench.aws.table, source="acme").forget(day, day)
    clock.advance(timedelta(hours=1))
    (seal,) = bench.reconcile().sealed
    assert (seal.statement.day, seal.statement.archived, seal.statement.erased, seal.standing.number) == (day, 0, 1, 2)


def test_the_page_beside_the_report_shows_hostile_texts_as_text(bench: ReconcilerBench) -> None:
    bench.provider.rows = [row('"><img onerror=x>', 1)]
    bench.reconcile()
    html = s3().get_object(Bucket=bench.aws.bucket, Key=REPORT.replace("json", "html"))["Body"].read().decode()
    assert "<img" not in html
    assert "&lt;img onerror=x&gt;" in html
    assert "~ 1/1" in html
