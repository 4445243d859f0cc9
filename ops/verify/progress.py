"""How far a verification has come, on this machine: the same command goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from functions.archiver.bucket.verifying import Finding, Result
from ops.index.file import cache_folder
from ops.verify.selection import Selection

Found = MutableMapping[Result, list[Finding]]


class Progress:
    """Kept after each day, in a file that is named after what was asked for."""

    def __init__(self, archive: str, selection: Selection, *, read: bool) -> None:
        asked = f"{archive}\n{selection}\n{read}"
        self._path = cache_folder() / f"verify-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
        self._done: dict[str, str] = {}

    def take_up(self, counts: Counter[str], found: Found) -> bool:
        """Fills both with what the run that was stopped had found; False where there was none."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self._done = dict(kept["done"])
            counts.update(kept["counts"])
            for finding in (Finding(**fields) for fields in kept["found"]):
                found.setdefault(finding.result, []).append(finding)
        except (OSError, AttributeError, KeyError, TypeError, ValueError):
            return False
        return True

    def is_done(self, source: str, day: str) -> bool:
        """Whether the day was compared already."""
        return day <= self._done.get(source, "")

    def keep(self, source: str, day: str, counts: Counter[str], found: Found) -> None:
        """Notes that this day, and all before it, have been compared."""
        self._done[source] = day
        kept: dict[str, Any] = {
            "done": self._done,
            "counts": counts,
            "found": [asdict(finding) for findings in found.values() for finding in findings],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(f"{self._path}.new")
        made.touch(0o600)
        made.write_text(json.dumps(kept), encoding="utf-8")
        made.replace(self._path)

    def forget(self) -> None:
        """It came to its end."""
        self._path.unlink(missing_ok=True)
