"""Proof that an export is complete: report and seals of each day touched, and the chain from there on.

Seals name nobody, so a whole day can be handed over. Of reports, which name what differs, only the counts go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.object_keys import day_of
from functions.archiver.sealing.document import SIGNATURE, NoSeal, Seal, name_of, number_in, read_seal, seal_folder
from ops.export.bundle import Bundle
from ops.shell.output import ExitCode, Failure

FOLDER = "completeness"


@dataclass(kw_only=True, slots=True)
class SealedDays:
    """The seals of a source: `newest` by day, and the lines of those days by name."""

    newest: dict[date, Seal] = field(default_factory=dict)
    lines: dict[date, dict[str, str]] = field(default_factory=dict)

    def seal_of(self, day: date, key: str, version_id: str | None) -> dict[str, Any] | None:
        """The seal in which a recording stands; None where it stands in none."""
        name, seal = name_of(key, version_id), self.newest.get(day)
        if seal is None or name not in self.lines[day]:
            return None
        return {
            "key": seal.key,
            "number": seal.standing.number,
            "sequence": seal.standing.sequence,
            "sha256": seal.sha256,
        }


def add_seals(bundle: Bundle, bucket: Bucket, source: str, days: Iterable[date]) -> SealedDays:
    """Copies the chain from the oldest seal of these days on. A seal at a time in memory. Raises Failure (ALTERED)."""
    wanted = set(days)
    found = sorted((_standing(bucket, key), key) for key in bucket.keys(seal_folder(source)) if number_in(key))
    first = min((sequence for sequence, key in found if day_of(key) in wanted), default=None)
    sealed = SealedDays()
    for sequence, key in found:
        if first is None or sequence < first:
            continue
        body = _read(bucket, key)
        seal = _seal(key, body)
        bundle.add(f"{FOLDER}/{key}", [body])
        _add_signature(bundle, bucket, key)
        if seal.statement.day in wanted:
            sealed.newest[seal.statement.day] = seal
            sealed.lines[seal.statement.day] = {line.name: line.sha256 for line in seal.statement.lines}
    return sealed


def add_public_keys(bundle: Bundle, bucket: Bucket) -> None:
    """The keys that signed seals."""
    for key in bucket.keys("seals/public-key-"):
        bundle.add(f"{FOLDER}/{key}", [_read(bucket, key)])


def _add_signature(bundle: Bundle, bucket: Bucket, key: str) -> None:
    try:
        bundle.add(f"{FOLDER}/{key}{SIGNATURE}", [_read(bucket, key + SIGNATURE)])
    except NotThere:
        return  # seals are signed where the archive has a key


def _read(bucket: Bucket, key: str) -> bytes:
    with bucket.read(key) as pieces:
        return b"".join(pieces)


def _seal(key: str, body: bytes) -> Seal:
    try:
        return read_seal(body)
    except NoSeal as fault:
        raise Failure(ExitCode.ALTERED, f"{key}: {fault}", next_="recordings seal verify", kind="altered") from None


def _standing(bucket: Bucket, key: str) -> int:
    with bucket.read(key, end=4096) as pieces:
        line = b"".join(pieces).partition(b"\n")[0]
    try:
        return int(json.loads(line)["sequence"])
    except (KeyError, TypeError, ValueError):
        raise Failure(
            ExitCode.ALTERED, f"{key} is not a seal", next_="recordings seal verify", kind="altered"
        ) from None


def add_reports(bundle: Bundle, bucket: Bucket, source: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    """The newest report's counts of each day, as far as there is one."""
    missing, found = set(days), dict[date, Mapping[str, Any]]()
    keys = [key for key in bucket.keys(f"reports/source={source}/") if key.endswith(".json")]
    for key in sorted(keys, key=day_of, reverse=True):
        if not missing or day_of(key) < min(missing):
            break
        for reported in _days_in(bucket, key):
            day = date.fromisoformat(str(reported["date"]))
            if day in missing:
                missing.discard(day)
                found[day] = {name: value for name, value in reported.items() if name != "differences"}
                bundle.add_json(f"{FOLDER}/reports/source={source}/date={day.isoformat()}.json", found[day])
    return found


def _days_in(bucket: Bucket, key: str) -> Sequence[Mapping[str, Any]]:
    try:
        document = json.loads(_read(bucket, key))
        days: Sequence[Mapping[str, Any]] = [day for day in document["days"] if "date" in day]
    except (NotThere, KeyError, TypeError, ValueError):
        return ()  # no report, or one of an earlier version
    return days


def verdict_on(day: date, seal: Seal | None, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Whether the archive says that it has all of a day, and why not."""
    if seal is not None:
        complete = seal.statement.complete
        why = None if complete is True else f"its seal says {complete!r}".lower()
        return {"date": day.isoformat(), "complete": complete, "why": why}
    if report is not None:
        complete = report.get("complete") is True
        why = "not sealed yet" if complete else f"its report says {report.get('state')!r}"
        return {"date": day.isoformat(), "complete": complete, "why": why}
    return {"date": day.isoformat(), "complete": "unknown", "why": "neither sealed nor reported yet"}
