"""A seal: what the archive holds of one day of one source, as a file of lines that names nobody.

Line 1 says what was listed and kept, and where the seal stands in its source's chain. Each further line is one kept
recording: a name that only who knows its key and version can make, its SHA-256, its size, when it was archived. The
lines are sorted by name, so that `sha256sum` and `grep` are enough to find one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from functions.archiver.lazy_dataclass import dataclass

SCHEMA = "recordings.seal/1"
SIGNATURE = ".sig"
"""Ends the name of a seal's signature."""

Complete = bool | Literal["unknown"]

_KEY = re.compile(r"seals/source=(?P<source>[^/]+)/date=(?P<day>\d{4}-\d\d-\d\d)/(?P<number>\d{4,})\.jsonl")
_HEX = re.compile(r"[0-9a-f]{64}")


class NoSeal(ValueError):
    """Bytes that are no seal, with the reason for a person."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Line:
    """One kept recording. `archived_at` is ISO 8601 in UTC, or None where nobody knows.

    `metadata_sha256` is of its sidecar; it is left out of the seal where the ledger did not note it.
    """

    name: str
    sha256: str
    bytes: int
    archived_at: str | None
    metadata_sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A seal's statement about its day. `listed` is None where the provider was not asked.

    `missing` counts what should be kept and is not, `accepted` what failed and a person has left so.
    """

    source: str
    day: date
    listed: int | None
    archived: int
    gone: int
    erased: int
    missing: int
    accepted: int = 0
    complete: Complete
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a seal stands: the `number`th of its day and the `sequence`th of its source, after `previous`.

    `previous` is the SHA-256 of the seal before it; None for the first of a source.
    """

    number: int
    sequence: int
    previous: str | None
    as_of: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """A seal as it was read; `sha256` is of its bytes."""

    statement: Statement
    standing: Standing
    sha256: str

    @property
    def key(self) -> str:
        """Where it belongs."""
        return seal_key(self.statement.source, self.statement.day, self.standing.number)

    def without_lines(self) -> Seal:
        """For whoever only tells of it: the lines of all days are all recordings there are."""
        return dataclasses.replace(self, statement=dataclasses.replace(self.statement, lines=()))


def seal_folder(source: str) -> str:
    """Under which all seals of a source lie."""
    return f"seals/source={source}/"


def day_folder(source: str, day: date) -> str:
    """Under which the seals of one day lie."""
    return f"{seal_folder(source)}date={day.isoformat()}/"


def seal_key(source: str, day: date, number: int) -> str:
    """The key of the `number`th seal of a day, counted from 1."""
    return f"{day_folder(source, day)}{number:04}.jsonl"


def number_in(key: str) -> int | None:
    """The number in a seal's key; None for any other key."""
    found = _KEY.fullmatch(key)
    return int(found["number"]) if found else None


def listing_key(source: str, day: date) -> str:
    """Where the bytes of a seal are kept until it is written, so that a run that dies can be continued."""
    return f"reports/source={source}/date={day.isoformat()}/sealing.jsonl"


def name_of(key: str, version_id: str | None) -> str:
    """A recording's name in a seal: `printf '%s\\n%s' KEY VERSION | sha256sum`."""
    return hashlib.sha256(f"{key}\n{version_id or ''}".encode()).hexdigest()


def seal_bytes(statement: Statement, standing: Standing) -> bytes:
    """The seal's file. The same statement and standing always make the same bytes."""
    head: dict[str, object] = {
        "schema": SCHEMA,
        "source": statement.source,
        "day": statement.day.isoformat(),
        "number": standing.number,
        "sequence": standing.sequence,
        "previous": standing.previous,
        "listed": statement.listed,
        "archived": statement.archived,
        "gone": statement.gone,
        "erased": statement.erased,
        "missing": statement.missing,
        "complete": statement.complete,
        "as_of": standing.as_of,
        "version": standing.version,
    }
    if statement.accepted:
        head["accepted"] = statement.accepted
    rows: list[Mapping[str, object]] = [head]
    rows += [_row(line) for line in sorted(statement.lines)]
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def _row(line: Line) -> Mapping[str, object]:
    metadata = {"metadata_sha256": line.metadata_sha256} if line.metadata_sha256 else {}
    return {
        "name": line.name,
        "sha256": line.sha256,
        "bytes": line.bytes,
        "archived_at": line.archived_at,
        **metadata,
    }


def read_seal(body: bytes) -> Seal:
    """The seal that these bytes are. Raises NoSeal for anything that `seal_bytes` would not have written."""
    try:
        head, *rows = [json.loads(line) for line in body.splitlines()]
        if head["schema"] != SCHEMA:
            raise NoSeal(f"its schema is {head['schema']!r}")
        seal = Seal(
            statement=_statement(head, tuple(_line(row) for row in rows)),
            standing=_standing(head),
            sha256=hashlib.sha256(body).hexdigest(),
        )
        # Any other spelling of the same facts would be other bytes under the same numbers.
        if seal_bytes(seal.statement, seal.standing) != body:
            raise NoSeal("it is not written as a seal is")
        if len({line.name for line in seal.statement.lines}) < len(rows):
            raise NoSeal("it names a recording twice")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise error if isinstance(error, NoSeal) else NoSeal("it is not written as a seal is") from None
    return seal


def _statement(head: Mapping[str, Any], lines: tuple[Line, ...]) -> Statement:
    complete = head["complete"]
    if complete is not True and complete is not False and complete != "unknown":
        raise NoSeal("its complete is neither true, false nor unknown")
    counts = {name: _count(head[name]) for name in ("archived", "gone", "erased", "missing")}
    return Statement(
        source=str(head["source"]),
        day=date.fromisoformat(head["day"]),
        listed=None if head["listed"] is None else _count(head["listed"]),
        **counts,
        accepted=_count(head.get("accepted", 0)),
        complete=complete,
        lines=lines,
    )


def _standing(head: Mapping[str, Any]) -> Standing:
    return Standing(
        number=_count(head["number"]),
        sequence=_count(head["sequence"]),
        previous=None if head["previous"] is None else _digest(head["previous"]),
        as_of=str(head["as_of"]),
        version=str(head["version"]),
    )


def _line(row: Mapping[str, Any]) -> Line:
    archived_at = row["archived_at"]
    return Line(
        name=_digest(row["name"]),
        sha256=_digest(row["sha256"]),
        bytes=_count(row["bytes"]),
        archived_at=None if archived_at is None else str(archived_at),
        metadata_sha256=_digest(row["metadata_sha256"]) if "metadata_sha256" in row else None,
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NoSeal("one of its counts is no count")
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise NoSeal("one of its digests is no SHA-256")
    return value
