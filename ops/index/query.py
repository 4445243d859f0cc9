"""A person's query, and the SQL for it.

A search has one or more *ways in* (a number's end, an agent, an id …), each with an index of its own, and filters that
apply to all of them. Each way in gives its newest rows; the caller merges them. So no search sorts more than a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.index.numbers import MIN_DIGITS, digits_of, looks_like_a_number
from ops.index.rows import DIRECTIONS

MIN_PREFIX = 6
"""Of an id or a call: fewer characters could begin half of them."""

MIN_WHOLE_NUMBER = 7
"""Digits. A stored number that is the end of what was typed is the same number from this length on."""

LAST = "\U0010ffff"
"""Sorts behind every text that begins alike."""


class BadQuery(ValueError):
    """A search that cannot be understood; the text says what to type instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Filters of a search. `words` is the one box: an id, a call, a number or an agent. `until` is exclusive."""

    words: str = ""
    number: str = ""
    agent: str = ""
    call: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None
    state: str = ""
    direction: str = ""
    min_seconds: float | None = None
    max_seconds: float | None = None
    held: bool | None = None
    transcript: bool | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A condition in SQL with its values; `index` is the one that makes it quick (empty: none)."""

    sql: str
    values: tuple[object, ...] = ()
    index: str = ""


def ways_in(query: Query, agents: Sequence[int]) -> list[list[Term]]:
    """The alternatives of a search, each a list of conditions that all hold; one of them is quick. Raises BadQuery.

    `agents` are the ids of those that match `query.agent`, or else `query.words`.
    """
    narrow: list[list[Term]] = [[]]
    if query.number:
        narrow = [[term] for term in _number(query.number)]
    if query.call:
        narrow = [[*terms, Term("call_id = ?", (query.call,), "by_call")] for terms in narrow]
    if query.agent:
        narrow = [[*terms, _agent(agent)] for terms in narrow for agent in agents]
    if query.words.strip():
        alternatives = list(_words(query.words.strip(), () if query.agent else agents))
        narrow = [[*terms, term] for terms in narrow for term in alternatives]
    return [[*terms, *_filters(query)] for terms in narrow]


def _words(words: str, agents: Sequence[int]) -> Iterator[Term]:
    if looks_like_a_number(words):
        yield from _number(words)
    if len(words) >= MIN_PREFIX:
        yield Term("recording_id >= ? AND recording_id < ?", (words, words + LAST), "by_id")
        yield Term("call_id >= ? AND call_id < ?", (words, words + LAST), "by_call")
    else:
        yield Term("recording_id = ?", (words,), "by_id")
        yield Term("call_id = ?", (words,), "by_call")
    yield from map(_agent, agents)


def _agent(agent: int) -> Term:
    return Term("agent = ?", (agent,), "by_agent")


def _number(text: str) -> Iterator[Term]:
    digits = digits_of(text)
    if len(digits) < MIN_DIGITS:
        raise BadQuery(f"{text!r} has too few digits: give at least the last {MIN_DIGITS} of the number")
    if text.strip().startswith("*") and text.strip().endswith("*"):
        middle = f"%{digits[::-1]}%"
        yield Term("(from_reversed LIKE ? OR to_reversed LIKE ?)", (middle, middle))
        return
    end = digits[::-1]
    shorter = tuple(end[:length] for length in range(MIN_WHOLE_NUMBER, len(end)))
    marks = ", ".join("?" * len(shorter))
    for column, index in (("from_reversed", "by_from"), ("to_reversed", "by_to")):
        yield Term(f"{column} >= ? AND {column} < ?", (end, end + ":"), index)  # ":" follows "9"
        if shorter:  # typed with a country code, stored without
            yield Term(f"{column} IN ({marks})", shorter, index)


def _filters(query: Query) -> Iterator[Term]:
    if query.direction and query.direction not in DIRECTIONS:
        raise BadQuery(f"direction {query.direction!r}: allowed are {', '.join(DIRECTIONS)}")
    # A partial index serves only a condition that repeats its own words.
    state = ("state = ?", "") if query.state == "archived" else ("state = ? AND state <> 'archived'", "in_trouble")
    held = ("held = ? AND held = 1", "on_hold") if query.held else ("held = ?", "")
    possible = (
        (bool(query.source), "source = (SELECT id FROM source WHERE name = ?)", query.source, ""),
        (query.since is not None, "at >= ?", _ms(query.since), ""),
        (query.until is not None, "at < ?", _ms(query.until), ""),
        (bool(query.state), state[0], query.state, state[1]),
        (bool(query.direction), "direction = ?", query.direction and DIRECTIONS.index(query.direction), ""),
        (query.min_seconds is not None, "seconds >= ?", query.min_seconds, ""),
        (query.max_seconds is not None, "seconds <= ?", query.max_seconds, ""),
        (query.held is not None, held[0], query.held, held[1]),
        (query.transcript is not None, "transcript = ?", query.transcript, ""),
    )
    for asked, sql, value, index in possible:
        if asked:
            yield Term(sql, (value,), index)


def _ms(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
