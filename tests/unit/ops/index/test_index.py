"""The search index: what finds what, pages, counts, and the file."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.index.index import Index
from ops.index.query import BadQuery, Query
from ops.index.rows import Row, direction_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(number: int = 0, **changes: Any) -> Row:
    moment = NOON - timedelta(minutes=number)
    made = Row(
        source="acme",
        recording_id=f"recording-{number:04d}",
        call_id=f"call-{number // 2:04d}",
        recorded_at=moment,
        day=moment.date(),
        duration_seconds=60.0 + number,
        direction="in",
        from_number="+44 161 496 0404",
        to_number="0049 30 9018 20",
        agent="Anna Example",
        state="archived",
        key=f"audio/source=acme/date={moment.date()}/recording-{number:04d}.mp3",
        bytes=1000,
        sha256="ab" * 32,
        codec="mp3",
        held=False,
        transcript=False,
    )
    return replace(made, **changes)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with closing(Index.open(tmp_path / "cache" / "index.sqlite")) as opened:
        opened.finish_build()
        yield opened


def ids(index: Index, query: Query) -> list[str]:
    return [found.recording_id for found in index.search(query).rows]


def test_a_row_comes_back_as_it_went_in(index: Index) -> None:
    rows = [row(), row(1, recorded_at=None, key=None, sha256=None, agent=None, call_id=None, duration_seconds=None)]
    index.put(rows)
    assert [index.get("acme", each.recording_id) for each in rows] == rows


@pytest.mark.parametrize(
    "spelling",
    ["+441614960404", "0044 161 496 0404", "+44 (0)161 496-0404", "(0161) 4960404", "161-496-0404", "4960404", "0404"],
)
@pytest.mark.parametrize("stored", ["+44 161 496 0404", "0161 4960404", "1614960404", "00441614960404"])
@pytest.mark.parametrize("column", ["from_number", "to_number"])
def test_every_spelling_of_a_number_finds_every_spelling(index: Index, spelling: str, stored: str, column: str) -> None:
    index.put([row(1, **{column: stored}), row(2, from_number="+44 161 496 0405", to_number=None)])
    assert ids(index, Query(number=spelling)) == ["recording-0001"]
    assert ids(index, Query(words=spelling)) == ["recording-0001"]


def test_the_middle_of_a_number_is_found_between_asterisks(index: Index) -> None:
    index.put([row(1), row(2, from_number="+1 212 555 0100", to_number=None)])
    assert ids(index, Query(number="*614960*")) == ["recording-0001"]


def test_three_digits_are_refused_in_words(index: Index) -> None:
    with pytest.raises(BadQuery, match="at least the last 4"):
        index.search(Query(number="404"))


@pytest.mark.parametrize("words", ["recording-0007", "recording-0007"[:13], "call-0003", "Anna", "anna exa", "EXAMPLE"])
def test_the_one_box_finds_ids_calls_and_agents(index: Index, words: str) -> None:
    index.put([row(7), row(99, agent="Bert", call_id="other")])
    assert ids(index, Query(words=words)) == ["recording-0007"]


def test_what_nobody_said_matches_nothing(index: Index) -> None:
    index.put([row()])
    assert ids(index, Query(words="Zoe")) == ids(index, Query(agent="Zoe")) == ids(index, Query(source="none")) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(source="dialer"), {1}),
        (Query(state="failed"), {2}),
        (Query(state="archived"), {0, 1, 3, 4}),
        (Query(direction="out"), {3}),
        (Query(min_seconds=64), {4}),
        (Query(max_seconds=60), {0}),
        (Query(held=True), {4}),
        (Query(held=False), {0, 1, 2, 3}),
        (Query(transcript=True), {0}),
        (Query(since=NOON - timedelta(minutes=1)), {0, 1}),
        (Query(until=NOON - timedelta(minutes=2)), {3, 4}),
        (Query(agent="anna", direction="out"), {3}),
        (Query(number="0404", state="failed", held=False), {2}),
        (Query(call="call-0001"), {2, 3}),
    ],
)
def test_filters_narrow(index: Index, query: Query, expected: set[int]) -> None:
    index.put(
        [
            row(0, transcript=True),
            row(1, source="dialer"),
            row(2, state="failed"),
            row(3, direction="out"),
            row(4, held=True),
        ]
    )
    assert set(ids(index, query)) == {f"recording-{number:04d}" for number in expected}
    assert index.count(query) == len(expected)


def test_an_unknown_direction_is_refused_with_those_that_exist(index: Index) -> None:
    with pytest.raises(BadQuery, match="in, out, unknown"):
        index.search(Query(direction="sideways"))


def test_pages_go_forth_and_back_without_a_gap(index: Index) -> None:
    index.put(row(number) for number in range(25))
    first = index.search(Query(), limit=10)
    second = index.search(Query(), limit=10, older_than=first.older)
    third = index.search(Query(), limit=10, older_than=second.older)
    assert first.newer is None
    assert third.older is None
    seen = [*first.rows, *second.rows, *third.rows]
    assert [each.recording_id for each in seen] == [f"recording-{number:04d}" for number in range(25)]
    back = index.search(Query(), limit=10, newer_than=third.newer)
    assert back.rows == second.rows
    assert index.search(Query(), limit=10, newer_than=back.newer).rows == first.rows


def test_many_of_one_second_are_all_paged_through(index: Index) -> None:
    index.put(row(number, recorded_at=NOON) for number in range(120))
    assert len({each.recording_id for each in index.everything(Query())}) == 120


def test_counts_end_at_more_than_a_thousand(index: Index) -> None:
    index.put(row(number) for number in range(1003))
    assert index.count(Query()) == 1001
    assert index.count(Query(state="failed")) == 0


def test_days_are_counted_by_state_through_changes_and_removals(index: Index) -> None:
    index.put([row(0), row(1), row(2, state="failed")])
    index.put([row(2)])
    index.put([row(1, day=date(2026, 11, 19))])
    index.forget("acme", ["recording-0000", "unknown"])
    assert index.days(date(2026, 11, 1), date(2026, 11, 30)) == {
        ("acme", date(2026, 11, 19)): {"archived": 1},
        ("acme", date(2026, 11, 20)): {"archived": 1},
    }
    assert index.totals() == {"acme": {"archived": 2}}
    assert index.sources() == ["acme"]
    assert [each.recording_id for each in index.of_day("acme", date(2026, 11, 20))] == ["recording-0002"]


def test_a_name_is_an_id_a_call_a_key_or_a_unique_beginning(index: Index) -> None:
    index.put([row(0), row(1), row(2, recording_id="a/b", key="audio/source=acme/date=2026-11-20/a%2Fb.mp3")])
    assert [each.recording_id for each in index.named("recording-0001")] == ["recording-0001"]
    assert [each.recording_id for each in index.named("call-0000")] == ["recording-0000", "recording-0001"]
    assert [each.recording_id for each in index.named("audio/source=acme/date=2026-11-20/a%2Fb.mp3")] == ["a/b"]
    assert len(index.named("recording-")) == 2
    assert index.named("recor") == []


def test_the_other_recordings_of_a_call_come_oldest_first(index: Index) -> None:
    index.put([row(0), row(1), row(2)])
    assert [each.recording_id for each in index.of_call("acme", "call-0000")] == ["recording-0001", "recording-0000"]


def test_one_id_of_two_sources_is_two_recordings(index: Index) -> None:
    index.put([row(0), row(0, source="dialer", agent="Bert")])
    assert {(each.source, each.agent) for each in index.named("recording-0000")} == {
        ("acme", "Anna Example"),
        ("dialer", "Bert"),
    }


def test_notes_are_kept_with_the_rows_or_not_at_all(index: Index) -> None:
    def broken() -> Iterator[Row]:
        yield row()
        raise RuntimeError("the archive went away")

    with pytest.raises(RuntimeError):
        index.put(broken(), {"as_of": "now"})
    assert index.noted("as_of") is None
    assert index.totals() == {}
    index.put([row()], {"as_of": "now"})
    assert index.noted("as_of") == "now"
    index.note("as_of", None)
    assert index.noted("as_of") is None


def test_a_reader_sees_what_a_writer_finished(index: Index) -> None:
    with closing(index.reader()) as reader:
        index.put([row()])
        assert reader.get("acme", "recording-0000") == row()


def test_the_file_is_private(index: Index) -> None:
    assert stat.S_IMODE(index.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(index.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(content)
    with closing(Index.open(path)) as opened:
        opened.put([row()])
        assert opened.totals() == {"acme": {"archived": 1}}


def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
        other.execute("CREATE TABLE recording (id)")
        other.commit()
    with closing(Index.open(path)) as opened:
        opened.put([row()])
        assert opened.get("acme", "recording-0000") == row()


@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("INBOUND", "in"),
        ("inbound", "in"),
        ("Outgoing", "out"),
        ("outbound-api", "out"),
        (None, "unknown"),
        ("x", "unknown"),
    ],
)
def test_every_provider_s_word_for_a_direction_is_one_of_three(word: str | None, direction: str) -> None:
    assert direction_of(word) == direction


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(words=TEXTS, agent=TEXTS, number=TEXTS)
def test_no_text_breaks_a_search(index: Index, words: str, agent: str, number: str) -> None:
    index.put([row()])
    for query in (Query(words=words), Query(agent=agent), Query(words=words, agent=agent)):
        assert index.count(query) == len(index.search(query).rows)
    try:
        index.search(Query(number=number or "0000"))
    except BadQuery as refusal:
        assert "at least" in str(refusal)  # noqa: PT017 - most texts are no numbers, and that is said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["archived", "failed", "gone"])), max_size=30))
def test_the_counts_always_equal_the_rows(index: Index, changes: list[tuple[int, str]]) -> None:
    index.forget("acme", [f"recording-{number:04d}" for number in range(9)])
    for number, state in changes:
        index.put([row(number, state=state)])
    latest = dict(changes)
    expected: dict[str, int] = {}
    for state in latest.values():
        expected[state] = expected.get(state, 0) + 1
    assert index.totals().get("acme", {}) == expected
