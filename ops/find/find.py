"""The verb `find`: its question and its answer."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from ops.archive.archive import Archive
from ops.index.asking import index_of_days, rows_named
from ops.index.index import COUNTED, Index
from ops.index.query import BadQuery, Query
from ops.index.refresh import as_of, refresh
from ops.index.rows import Row
from ops.shell.moments import in_zone, refuse_backwards
from ops.shell.output import Column, ExitCode, Failure, Output, clean
from ops.shell.texts import counted, length_text
from ops.shell.verb import Shared

FIELDS = (
    *("source", "recording_id", "call_id", "recorded_at", "duration_seconds", "direction", "from_number", "to_number"),
    *("agent", "state", "key", "bytes", "sha256", "codec", "held", "transcript"),
)
_COLUMNS = (
    Column(head="recorded", importance=9),
    Column(head="length", importance=6, align="right"),
    Column(head="dir", importance=4),
    Column(head="from", importance=8),
    Column(head="to", importance=5),
    Column(head="agent", importance=3),
    Column(head="source", importance=2),
    Column(head="state", importance=7),
    Column(head="id", importance=10),
)
_SHOWN_OF_ID = 16
"""A longer one is cut: its beginning is enough for `show` and `get`, and other columns need the room."""

_FORMULAS = ("=", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question about one archive. `of_days`: the ledger can answer for these few days without an index."""

    archive: Archive
    query: Query
    sources: Sequence[str]
    of_days: bool


def question_to(
    archive: Archive,
    shared: Shared,
    words: str,
    *,
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    filters: Mapping[str, Any],
) -> Question:
    """The question that options and words mean. Raises Failure (MISUSE, NOT_FOUND)."""
    zone = shared.zone or archive.zone
    if day and (since or until):
        raise Failure(ExitCode.MISUSE, "give either --day or --from and --to")
    refuse_backwards(since, until, zone)
    if day:
        since = day.replace(hour=0, minute=0, second=0, microsecond=0)
        until = since + timedelta(days=1)
    source = filters["source"]
    if source:
        archive.ledger(source)
    query = Query(
        words=words,
        number=filters["number"] or "",
        agent=filters["agent"] or "",
        call=filters["call"] or "",
        source=source or "",
        since=in_zone(since, zone) if since else None,
        until=in_zone(until, zone) if until else None,
        state=filters["state"] or "",
        direction=filters["direction"] or "",
        min_seconds=filters["min_length"],
        max_seconds=filters["max_length"],
        held=filters["held"] or None,
    )
    sources = [source] if source else archive.sources
    return Question(archive=archive, query=query, sources=sources, of_days=day is not None)


def answer(shared: Shared, question: Question, *, limit: int, as_csv: bool) -> ExitCode:
    """Prints what is found, newest first."""
    output = shared.output(question.archive.zone)
    exact = _exactly(question)
    if exact:
        _print(output, exact, as_csv=as_csv)
        _say_verdict(output, as_csv, _verdict(len(exact), len(exact), datetime.now(UTC), output))
        return ExitCode.DONE
    try:
        with _index(question, output) as index:
            found = index.everything(question.query)
            shown = _print(output, islice(found, limit) if limit else found, as_csv=as_csv)
            count = index.count(question.query) if shown == limit else shown
            moment = datetime.now(UTC) if question.of_days else as_of(index)
            _say_verdict(output, as_csv, _verdict(shown, count, moment, output))
    except BadQuery as mistake:
        raise Failure(ExitCode.MISUSE, str(mistake)) from None
    return ExitCode.DONE


def _exactly(question: Question) -> list[Row]:
    """The recording whose whole id the words are, if no filter says otherwise: two reads instead of an index."""
    query = question.query
    if not query.words or query != Query(words=query.words, source=query.source):
        return []
    return rows_named(question.archive, query.words, question.sources)


@contextmanager
def _index(question: Question, output: Output) -> Iterator[Index]:
    if question.of_days:
        with index_of_days(question.archive, question.query, question.sources) as days:
            yield days
    else:
        with closing(refresh(question.archive, output.progress)) as index:
            yield index


def fields_of(row: Row) -> dict[str, object]:
    """As JSON and CSV have it."""
    return {name: getattr(row, name) for name in FIELDS}


def _print(output: Output, rows: Iterable[Row], *, as_csv: bool) -> int:
    count = 0
    if output.as_json:
        for row in rows:
            output.row(fields_of(row))
            count += 1
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in rows:
            writer.writerow([cell(value, output) for value in fields_of(row).values()])
            count += 1
    else:
        cells = [_cells(output, row) for row in rows]
        count = len(cells)
        if cells:
            output.table(_COLUMNS, cells)
    return count


def _cells(output: Output, row: Row) -> tuple[str, ...]:
    recorded = output.minute(row.recorded_at) if row.recorded_at else f"{row.day} time unknown"
    id_ = row.recording_id if len(row.recording_id) <= _SHOWN_OF_ID else f"{row.recording_id[: _SHOWN_OF_ID - 1]}…"
    texts = (row.direction, row.from_number, row.to_number, row.agent, row.source, row.state, id_)
    return (recorded, length_text(row.duration_seconds), *(text or "–" for text in texts))


def cell(value: object, output: Output) -> object:
    """A value for a spreadsheet, which must not take a provider's text for a formula. Times are in people's zone."""
    if isinstance(value, datetime):
        return output.time(value)
    if isinstance(value, bool):
        return str(value).lower()  # as in JSON
    if isinstance(value, str) and sys.stdout.isatty():
        value = clean(value)
    if isinstance(value, str) and (value.startswith(_FORMULAS) or (value[:1] == "+" and not _is_number(value))):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return all(each.isdigit() or each in "+ ()./-" for each in text)


def _say_verdict(output: Output, as_csv: bool, text: str) -> None:
    if as_csv:
        output.note(text)
    else:
        output.verdict(text)


def _verdict(shown: int, count: int, moment: datetime | None, output: Output) -> str:
    when = f"as of {output.time(moment)[11:16]}" if moment else "the index is not whole yet"
    if not shown:
        return f"no recording matches; {when}"
    some = counted(shown)
    if count <= shown:
        return f"{some}; {when}"
    all_ = f"more than {COUNTED:,}" if count > COUNTED else f"{count:,}"
    return f"{shown:,} of {all_} recordings; --limit 0 shows all; {when}"
