"""What verbs print: for people in 80 columns, for programs in JSON."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.shell.output import WIDTH, Column, ExitCode, Failure, Output, clean, print_failure

MOMENT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
COLUMNS = (Column(head="id", importance=9), Column(head="reason", importance=1), Column(head="bytes", align="right"))


def table(capsys: pytest.CaptureFixture[str], rows: Sequence[Sequence[object]]) -> list[str]:
    Output("example").table(COLUMNS, rows)
    return capsys.readouterr().out.splitlines()


def test_a_table_has_no_lines_around_it_and_no_colour_on_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    lines = table(capsys, [("a", "because", 1), ("b", "", 1000)])
    assert [line.rstrip() for line in lines] == ["id  reason   bytes", "a   because      1", "b             1000"]


def test_the_least_important_columns_go_first_where_80_do_not_hold_them(capsys: pytest.CaptureFixture[str]) -> None:
    lines = table(capsys, [("a", "x" * 74, 1)])
    assert lines[0].split() == ["id", "reason"]
    lines = table(capsys, [("a" * 60, "x" * 30, 1)])
    assert lines[0].split() == ["id"]


@pytest.mark.parametrize("text", ["a" * 200, "日本語" * 40])
def test_no_line_is_longer_than_80_columns(capsys: pytest.CaptureFixture[str], text: str) -> None:
    for line in table(capsys, [(text, text, 1), ("b", "c", 2)]):
        assert len(line) <= WIDTH


def test_times_are_in_the_zone_of_people_with_their_offset() -> None:
    assert Output("x", zone=ZoneInfo("Europe/Berlin")).time(MOMENT) == "2026-07-01 14:00:00+02:00"
    assert Output("x").time(MOMENT) == "2026-07-01 12:00:00+00:00"


def test_with_json_standard_output_holds_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("example", as_json=True)
    output.table(COLUMNS, [("a", "b", 1)])
    output.document({"at": MOMENT, "name": "ü"})
    output.verdict("all is well")
    told = capsys.readouterr()
    assert json.loads(told.out) == {"schema": "recordings.example/1", "at": "2026-07-01T12:00:00Z", "name": "ü"}
    assert told.err == "all is well\n"


def test_without_json_no_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("example")
    output.document({"a": 1})
    output.verdict("all is well")
    output.note("by the way")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("all is well\n", "by the way\n")


def test_a_failure_names_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure(ExitCode.REFUSED, "it is held", next_="recordings release x", kind="held")
    print_failure(failure, as_json=False)
    assert capsys.readouterr().err == "it is held\nnext: recordings release x\n"
    print_failure(failure, as_json=True)
    error = {"code": "held", "message": "it is held", "next": "recordings release x"}
    assert json.loads(capsys.readouterr().err) == {"error": error}


@given(st.text())
def test_text_from_outside_never_steers_a_terminal(text: str) -> None:
    assert all(each.isprintable() or each == "\n" for each in clean(text))


@given(text=st.text())
@example(text="\u202egnp\u2066\x9b31m\U000e0001\ud800")
def test_json_is_safe_on_a_terminal_and_means_the_same(text: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        Output("example").row({"agent": text})
    line = printed.getvalue()
    assert line[:-1].isprintable()
    assert json.loads(line)["agent"] == text


def test_printable_text_stays_as_it_is() -> None:
    assert clean("Zoë: 5 € \x1b[31mred\r\x07") == "Zoë: 5 € \\x1b[31mred\\r\\x07"
