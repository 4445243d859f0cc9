"""`recordings report`: the newest word on every day, the provider's clock beside it, and a page that says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.clock import Clock
from functions.archiver.object_keys import reconciliation_report, requested_report
from functions.archiver.reconciling.cells import cell_of, not_looked
from functions.archiver.vitals import Rate
from ops.reconcile.reports import Row, row_of, with_clock
from tests.harness.archives import Given, given_archive
from tests.harness.schemas import checked

DAY = timedelta(days=1)
_COUNTS = ("listed", "ledger", "bucket", "archived", "gone", "failed", "accepted", "quarantined")
_MORE_COUNTS = ("altered", "absent", "erased", "in_work", "missing", "too_slow")
NONE = dict.fromkeys((*_COUNTS, *_MORE_COUNTS), 0)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Given]:
    with given_archive("folder", tmp_path) as made:
        made.look_after()
        yield made


def today() -> date:
    return Clock().now().date()


def ago(days: int) -> date:
    return today() - days * DAY


def a_day(day: date, state: str = "complete", **facts: Any) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "state": state,
        **NONE,
        "as_of": "2026-03-04T12:00:00+00:00",
        "report": "reports/x",
        "seal": None,
        **facts,
    }


def write(archive: Given, written: date, *days: dict[str, Any], key: str | None = None, at: int = 0) -> None:
    document = {"source": "acme", "generated_at": f"{written}T12:00:{at:02}+00:00", "days": days}
    archive.bucket.put(key or reconciliation_report("acme", written), json.dumps(document).encode())


def test_a_sealed_day_names_its_newest_seal(archive: Given) -> None:
    write(archive, ago(1), a_day(ago(2)))
    newest = f"seals/source=acme/date={ago(2)}/0002.jsonl"
    for key in (newest.replace("0002", "0001"), newest, f"{newest}.sig", newest.replace("acme", "dialer")):
        archive.bucket.put(key, b"{}")
    row = row_of(archive.bucket, "acme", ago(3), today(), today=today())
    assert [day["seal"] for day in row.days] == [None, newest, None, None]


def states(archive: Given, first: int) -> list[str]:
    row = row_of(archive.bucket, "acme", ago(first), today(), today=today())
    return [str(day["state"]) for day in row.days]


def test_the_newest_report_has_the_last_word_on_a_day(archive: Given) -> None:
    write(archive, ago(1), a_day(ago(2), "missing"), a_day(ago(1), "today"))
    write(archive, today(), a_day(ago(1), "in work"), a_day(today(), "today"))
    assert states(archive, 3) == ["not looked", "missing", "in work", "today"]


def test_of_two_reports_of_one_day_the_later_one_counts(archive: Given) -> None:
    write(archive, today(), a_day(ago(1), "missing"), at=1)
    write(archive, today(), a_day(ago(1)), key=requested_report("acme", today(), ago(1), ago(1)), at=2)
    assert states(archive, 1) == ["complete", "not looked"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"days": []}'])
def test_a_damaged_report_has_looked_at_nothing(archive: Given, text: bytes) -> None:
    archive.bucket.put(reconciliation_report("acme", today()), text)
    write(archive, ago(1), a_day(ago(1)))
    assert states(archive, 1) == ["complete", "not looked"]


def test_no_calls_and_not_looked_are_told_apart(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    write(archive, today(), a_day(ago(1)), a_day(today(), "today"))
    assert archive.run("report", "acme", "--from", ago(2).isoformat()) == 0
    out = capsys.readouterr().out
    assert "– no report" in out
    assert "✓ 0" in out
    assert out.splitlines()[-1] == "every day that was looked at is complete"


def test_days_before_the_first_report_are_one_line_unless_they_are_asked_for(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    write(archive, today(), a_day(ago(2)), a_day(today(), "today"))
    archive.run("report", "acme")
    lines = capsys.readouterr().out.splitlines()
    assert f"no report of {ago(13):%d %b} to {ago(3):%d %b}" in lines
    (head,) = (line for line in lines if line.startswith("source"))
    assert head.split() == f"source {ago(2):%d %b} {ago(1):%d %b} {today():%d %b} archived".split()


def test_an_archive_without_any_report_still_shows_today(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    archive.run("report", "acme")
    out = capsys.readouterr().out
    assert f"no report of {ago(13):%d %b} to {ago(1):%d %b}" in out
    assert f"source  {today():%d %b}" in out


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"state": "complete", "listed": 412}, "✓ 412"),
        ({"state": "complete", "listed": 412, "gone": 2}, "× 2/412"),
        ({"state": "missing", "listed": 377, "missing": 3}, "! 3/377"),
        ({"state": "in work", "listed": 401, "in_work": 5}, "~ 5/401"),
        ({"state": "unclean", "listed": 88}, "? 88"),
        ({"state": "today", "listed": 120}, "… 120"),
        ({"state": "altered", "listed": 9, "altered": 1}, "↯ 1/9"),
    ],
)
def test_a_cell_has_a_sign_a_count_and_spoken_words(facts: dict[str, Any], text: str) -> None:
    cell = cell_of(a_day(today(), **facts))
    assert cell.text == text
    assert f"{facts['listed']} listed" in cell.spoken
    assert cell_of(not_looked(today())).text == "– no report"


@pytest.mark.parametrize(("state", "code"), [("missing", 1), ("in work", 1), ("unclean", 1), ("complete", 0)])
def test_a_day_that_is_not_complete_is_an_exit_code_of_1(archive: Given, state: str, code: int) -> None:
    write(archive, today(), a_day(ago(1), state), a_day(today(), "today"))
    assert archive.run("report", "acme") == code


def test_altered_bytes_are_an_exit_code_of_6(archive: Given) -> None:
    write(archive, today(), a_day(ago(1), "altered", altered=1))
    assert archive.run("report", "acme") == 6


def test_fourteen_days_fit_80_columns_and_json_fits_its_schema(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    write(archive, today(), *(a_day(ago(n), "in work", listed=123_456, in_work=12_345) for n in range(13)))
    archive.run("report")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    heads = " ".join(lines)
    assert all(f"{ago(n):%d %b}" in heads for n in range(14))
    archive.run("report", "--json")
    document = checked(capsys.readouterr().out)
    assert [len(each["days"]) for each in document["sources"]] == [14, 14]


def test_the_table_ends_with_the_sums_of_rows_and_columns_in_the_terminal_and_on_the_page(
    archive: Given, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def of(source: str, *numbers: int) -> None:
        days = [a_day(ago(n), listed=number, archived=number) for n, number in enumerate(numbers, 1)]
        document = {"source": source, "generated_at": f"{today()}T12:00:00+00:00", "days": days}
        archive.bucket.put(reconciliation_report(source, today()), json.dumps(document).encode())

    of("acme", 3, 40)
    of("dialer", 5)
    page = tmp_path / "report.html"
    archive.run("report", "--from", ago(2).isoformat(), "--to", f"{today()}T00:00", "--html", str(page))
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert [rows[name][-1] for name in ("source", "acme", "dialer", "all")] == ["archived", "43", "5", "48"]
    assert rows["all"][1:3] == ["40", "8"]
    (sums,) = (line for line in page.read_text(encoding="utf-8").splitlines() if '<th scope="row">all</th>' in line)
    assert "<td>40</td><td>8</td>" in sums
    assert "<td>48</td></tr></table>" in sums


def test_the_pace_tells_how_much_the_provider_deletes_before_its_turn() -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    days = [
        a_day(date(2026, 2, 2), "in work", in_work=1440, deletes_on="2026-03-04"),
        a_day(date(2026, 2, 3), "in work", in_work=1440, deletes_on="2026-03-05"),
        a_day(date(2026, 3, 3), "in work", in_work=10, deletes_on="2026-04-02"),
        a_day(date(2026, 3, 4), "today"),
    ]
    found = with_clock(Row(source="acme", days=days), Rate(allowed=4), now).days
    assert [day.get("lost") for day in found] == [720, 0, 0, None]
    assert found[0]["archived_by"] == now + DAY / 2
    unknown = with_clock(Row(source="acme", days=days), Rate(), now)
    assert "lost" not in unknown.days[0]


def test_the_pace_promises_nothing_of_what_failed_or_was_lost() -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    gone_object = {"what": "deleted", "key": "audio/x"}
    days = [
        a_day(date(2026, 2, 2), "missing", failed=1, missing=1),
        a_day(date(2026, 2, 3), "missing", absent=1, missing=1),
        a_day(date(2026, 2, 4), "missing", missing=1, differences=[gone_object]),
        a_day(date(2026, 2, 5), "missing", failed=2, missing=3, in_work=1),
    ]
    found = with_clock(Row(source="acme", days=days), Rate(allowed=4), now).days
    assert [day.get("archived_by") for day in found] == [None, None, None, now + timedelta(minutes=1)]


def test_what_failed_is_named_with_the_command_that_finds_it(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    write(archive, today(), a_day(ago(1), "missing", listed=3, failed=1, missing=1))
    assert archive.run("report", "acme") == 1
    told = capsys.readouterr().out
    assert f"acme: 1 recording failed; next: recordings find --source acme --state failed -a {archive.where}" in told
    assert "at this pace" not in told


def test_a_day_that_was_not_looked_at_has_every_field_without_a_value(
    archive: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    write(archive, today(), a_day(ago(1)), a_day(today(), "today"))
    assert archive.run("report", "acme", "--json") == 0
    days = checked(capsys.readouterr().out)["sources"][0]["days"]
    promised = {"date", "state", *NONE, "as_of", "report", "seal"}
    assert all(promised <= day.keys() for day in days)
    assert {day["state"]: day["listed"] for day in days} == {"not looked": None, "complete": 0, "today": 0}


def test_a_foreign_object_counts_in_the_cell_of_its_day() -> None:
    cell = cell_of(a_day(ago(1), "altered", listed=4, archived=4, foreign=1))
    assert (cell.text, cell.spoken.partition(": ")[2]) == ("↯ 1/4", "4 listed, 4 archived, 1 foreign")


def test_the_page_has_the_same_cells_and_needs_nothing_else(archive: Given, tmp_path: Path) -> None:
    hostile = {"what": "failed", "recording_id": '"><img onerror=x>', "reason": "<script>"}
    write(archive, today(), a_day(ago(1), "missing", listed=3, missing=1, differences=[hostile]))
    archive.run("report", "--html", str(tmp_path / "report.html"))
    html = (tmp_path / "report.html").read_text()
    assert "! 1/3" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_a_source_or_a_span_that_is_none_is_refused(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert archive.run("report", "acne") == 3
    assert archive.run("report", "--from", "2026-03-05", "--to", "2026-03-04") == 2
    assert "2026-03-05 is after --to 2026-03-04" in capsys.readouterr().err
    assert archive.run("report", "--from", "2026-03-05", "--to", "2026-03-05") in (0, 1)
