"""The record of an erasure, in the archive itself. It names nobody: recordings stand in it by their digests.

    erasures/<order>.json            what was ordered: when, by whom, on which basis and ticket
    erasures/<order>~<moment>.json   what was done of it then; further ones as deferred recordings follow

Each is written once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from secrets import token_hex
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere, Properties, Taken
from functions.archiver.clock import iso
from functions.archiver.object_keys import AT_SOURCE
from ops.shell.output import ExitCode, Failure

FOLDER = "erasures"
BASES = ("gdpr-17", "pci-sad", "contract", "mistake")


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """One recording as an order names it. Source and day let its tombstone be made again from this record alone."""

    digest: str
    source: str
    day: date

    def document(self) -> dict[str, str]:
        """As it is written."""
        return {"recording": self.digest, "source": self.source, "date": self.day.isoformat()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferred:
    """One that could not go yet. `until` is the end of its lock, None where nobody knows: a case holds it."""

    digest: str
    why: str
    until: datetime | None

    def document(self) -> dict[str, str | None]:
        """As it is written."""
        return {"recording": self.digest, "why": self.why, "until": iso(self.until) if self.until else None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An erasure that was ordered, and how far it has come. `deferred` is what is still there, as last seen."""

    name: str
    at: datetime
    who: str
    basis: str
    ticket: str
    recordings: Sequence[Erased]
    erased: Sequence[str] = ()
    deferred: Sequence[Deferred] = ()

    def document(self) -> dict[str, Any]:
        """As it is written when it is ordered."""
        return {
            "order": self.name,
            "at": iso(self.at),
            "who": self.who,
            "basis": self.basis,
            "ticket": self.ticket,
            "count": len(self.recordings),
            "recordings": [each.document() for each in self.recordings],
        }

    @property
    def open(self) -> set[str]:
        """The digests of what is still to go."""
        return {each.digest for each in self.recordings} - set(self.erased)


def new_name(now: datetime) -> str:
    """The name of an order that begins now."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token_hex(4)}"


def still_open(orders: Sequence[Order], source: str) -> list[dict[str, Any]]:
    """What each order had to leave of a source: how many recordings, and when the last lock ends, if known."""
    found = []
    for order in orders:
        own = {each.digest for each in order.recordings if each.source == source} & order.open
        ends = [each.until for each in order.deferred if each.digest in own and each.until]
        if own:
            until = max(ends) if len(ends) == len(own) else None
            found.append({"order": order.name, "ticket": order.ticket, "open": len(own), "until": until})
    return found


class Orders:
    """The orders of one archive."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, order: Order) -> None:
        """Writes what is about to happen, before it does."""
        self._write(f"{FOLDER}/{order.name}.json", order.document())

    def note(self, order: str, at: datetime, who: str, erased: Sequence[str], deferred: Sequence[Deferred]) -> None:
        """Writes what was done of it."""
        document = {
            "order": order,
            "at": iso(at),
            "who": who,
            "erased": list(erased),
            "deferred": [each.document() for each in deferred],
        }
        self._write(f"{FOLDER}/{order}~{new_name(at)}.json", document)

    def _write(self, key: str, document: Mapping[str, Any]) -> None:
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        properties = Properties(content_type="application/json")
        with suppress(Taken):  # a name of chance: the same write, repeated because its answer was lost
            self._bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=properties)

    def all(self) -> list[Order]:
        """Every order, oldest first. Raises Failure (ALTERED) for a record that is none any more."""
        orders: dict[str, Mapping[str, Any]] = {}
        notes: dict[str, list[Mapping[str, Any]]] = {}
        for key in self._bucket.keys(f"{FOLDER}/"):
            if key.startswith(AT_SOURCE):
                continue  # of recordings that the archive keeps
            document = self._read(key)
            if "recordings" in document:
                orders[str(document["order"])] = document
            else:
                notes.setdefault(str(document["order"]), []).append(document)
        return [_order(document, sorted(notes.get(name, ()), key=_at)) for name, document in sorted(orders.items())]

    def _read(self, key: str) -> Mapping[str, Any]:
        try:
            with self._bucket.read(key) as pieces:
                document: Mapping[str, Any] = json.loads(b"".join(pieces))
            _check(document)
        except (NotThere, AttributeError, KeyError, TypeError, ValueError):
            raise Failure(ExitCode.ALTERED, f"{key} is no longer a record of an erasure", kind="altered") from None
        return document


def _check(document: Mapping[str, Any]) -> None:
    """Raises what a damaged record makes of it."""
    datetime.fromisoformat(document["at"])
    _order(document, []) if "recordings" in document else _deferred(document)


def _at(note: Mapping[str, Any]) -> str:
    return str(note["at"])


def _order(document: Mapping[str, Any], notes: Sequence[Mapping[str, Any]]) -> Order:
    return Order(
        name=str(document["order"]),
        at=datetime.fromisoformat(document["at"]),
        who=str(document["who"]),
        basis=str(document["basis"]),
        ticket=str(document["ticket"]),
        recordings=[
            Erased(digest=str(each["recording"]), source=str(each["source"]), day=date.fromisoformat(each["date"]))
            for each in document["recordings"]
        ],
        erased=sorted({str(digest) for note in notes for digest in note["erased"]}),
        deferred=list(_deferred(notes[-1])) if notes else [],
    )


def _deferred(note: Mapping[str, Any]) -> Iterator[Deferred]:
    for each in note["deferred"]:
        until = datetime.fromisoformat(each["until"]) if each["until"] else None
        yield Deferred(digest=str(each["recording"]), why=str(each["why"]), until=until)
