"""The access records of a local archive: lines of a file, each of which names the digest of the one before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date
from pathlib import Path

from ops.accesses.access import Access, NotRecorded, Records, chain_faults
from ops.local.journal import append_lines, locked

NAME = "accesses.jsonl"
_TAIL_BYTES = 64 * 1024


class LocalLog:
    """`accesses.jsonl` in the archive's folder."""

    writers = 1
    """Each line names the one before it."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def write(self, access: Access) -> None:
        """Appends a line under a lock of the file's own, and waits for the disk."""
        try:
            with locked(self.path) as descriptor:
                last = _last_of(descriptor)
                whole = replace(access, previous=last.digest() if last else None)
                line = json.dumps(whole.document() | {"previous": whole.previous}, ensure_ascii=False)
                append_lines(descriptor, [line.encode("utf-8", "backslashreplace")])
        except OSError as error:
            raise NotRecorded(f"{self.path}: {(error.strerror or 'cannot be written').lower()}") from None
        except (KeyError, TypeError, ValueError):
            raise NotRecorded(f"{self.path}: its last line is damaged; look at it with `recordings accesses`") from None

    def read(self, first: date, last: date) -> Records:
        """All lines are read, because the chain is checked from its beginning."""
        lines: list[tuple[int, Access]] = []
        broken: list[str] = []
        for number, line in enumerate(self._lines(), 1):
            try:
                lines.append((number, Access.read(json.loads(line))))
            except (KeyError, TypeError, ValueError):
                broken.append(f"line {number} is damaged")
        broken += chain_faults(iter(lines))
        asked = [access for _, access in lines if first <= access.at.astimezone(UTC).date() <= last]
        return Records(accesses=asked, broken=[f"{self.path}: {each}" for each in broken])

    def of(self, recording: str) -> Sequence[Access]:
        """Those lines of all that name it."""
        return [access for access in self.read(date.min, date.max).accesses if access.recording == recording]

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return


def _last_of(descriptor: int) -> Access | None:
    """The last whole line. What a crash left of an unfinished one is taken away: nobody was shown anything for it."""
    size = os.fstat(descriptor).st_size
    tail, start = b"", size
    while start and tail.count(b"\n") < 2:
        start = max(start - _TAIL_BYTES, 0)
        tail = os.pread(descriptor, size - start, start)
    whole = tail[: tail.rfind(b"\n") + 1]
    if len(whole) < len(tail):
        os.ftruncate(descriptor, start + len(whole))
    return Access.read(json.loads(whole.splitlines()[-1])) if whole else None
