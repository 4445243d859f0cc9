"""The record of a case, in the archive itself: who put what on hold, why and when, and who released it.

    holds/<case>.json       the case's first record
    holds/<case>~2.json     its second one, and so on: more on hold, or its release

Each is written once. Recordings stand in it by their digests, so that an erasure after the release need not reach it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from functions.archiver.bucket.bucket import Bucket, Conflict, NotThere, Properties, Taken
from functions.archiver.clock import iso
from functions.archiver.object_keys import safe_name
from ops.shell.output import ExitCode, Failure

FOLDER = "holds"
LONGEST_CASE = 100
LONGEST_REASON = 1000

What = Literal["hold", "release"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One statement about a case. `recordings` are digests; `query` is what was asked for, without naming anybody."""

    case: str
    what: What
    at: datetime
    who: str
    reason: str
    query: Mapping[str, Any]
    recordings: Sequence[str]

    def document(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "case": self.case,
            "what": self.what,
            "at": iso(self.at),
            "who": self.who,
            "reason": self.reason,
            "query": dict(self.query),
            "count": len(self.recordings),
            "recordings": list(self.recordings),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Record:
        """From what `document` wrote. Raises KeyError, TypeError, ValueError for anything else."""
        return cls(
            case=str(document["case"]),
            what="release" if document["what"] == "release" else "hold",
            at=datetime.fromisoformat(document["at"]),
            who=str(document["who"]),
            reason=str(document["reason"]),
            query=dict(document["query"]),
            recordings=[str(each) for each in document["recordings"]],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Everything that was said of a case, oldest first."""

    name: str
    records: Sequence[Record]

    @property
    def recordings(self) -> set[str]:
        """The digests of what it holds now."""
        held: set[str] = set()
        for record in self.records:
            held = held | set(record.recordings) if record.what == "hold" else held - set(record.recordings)
        return held

    @property
    def is_open(self) -> bool:
        """Whether it holds anything."""
        return bool(self.recordings)

    @property
    def placed(self) -> Record:
        """The record that opened it, or opened it again last; its release is none."""
        opened = 0
        for number, record in enumerate(self.records):
            if record.what == "release" and not Case(name=self.name, records=self.records[: number + 1]).recordings:
                opened = number + 1 if number + 1 < len(self.records) else opened
        return self.records[opened]


def checked_case(name: str) -> str:
    """The name, if it can be one. Raises Failure (MISUSE)."""
    name = name.strip()
    if not name or len(name) > LONGEST_CASE or not name.isprintable():
        text = f"a case's name must have 1 to {LONGEST_CASE} printable characters, and {name[:40]!r} does not"
        raise Failure(ExitCode.MISUSE, text)
    return name


def no_such_case(archive: str, case: str) -> Failure:
    """The failure for a case of which nothing was ever said."""
    return Failure(ExitCode.NOT_FOUND, f"{archive} has no case {case!r}", next_="recordings holds", kind="no_case")


class Cases:
    """The cases of one archive."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def get(self, name: str) -> Case | None:
        """The case; None where nothing was ever said of it."""
        records = list(self._records(name))
        return Case(name=name, records=records) if records else None

    def all(self) -> list[Case]:
        """Every case, by name."""
        found: dict[str, list[Record]] = {}
        for key in self._bucket.keys(f"{FOLDER}/"):
            record = self._read(key)
            if record:
                found.setdefault(record.case, []).append(record)
        return [
            Case(name=name, records=sorted(records, key=lambda each: each.at))
            for name, records in sorted(found.items())
        ]

    def add(self, record: Record) -> str:
        """Writes one more record of a case; its key."""
        body = json.dumps(record.document(), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        number = 1
        while True:
            key = _key(record.case, number)
            try:
                self._bucket.put_new(
                    key,
                    body,
                    sha256=hashlib.sha256(body).digest(),
                    properties=Properties(content_type="application/json"),
                )
            except Taken:
                number += 1
            except Conflict:
                continue  # somebody writes the same record's place at this moment
            else:
                return key

    def _records(self, name: str) -> Iterator[Record]:
        number = 1
        while record := self._read(_key(name, number)):
            yield record
            number += 1

    def _read(self, key: str) -> Record | None:
        try:
            with self._bucket.read(key) as pieces:
                return Record.read(json.loads(b"".join(pieces)))
        except NotThere:
            return None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Failure(ExitCode.ALTERED, f"{key} is no longer a record of a hold", kind="altered") from None


def _key(case: str, number: int) -> str:
    """`~` stands in no encoded name but in one that was shortened, which a case's never is."""
    return f"{FOLDER}/{safe_name(case)}{'' if number == 1 else f'~{number}'}.json"
