"""Other places that name a recording: reports, logs of a local archive, this machine's index.

A line that names an erased recording stays, and names it by its digest from then on.
"""

from __future__ import annotations

import fcntl
import html
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions.archiver.bucket.bucket import Bucket, NotThere
from functions.archiver.object_keys import digest_of, safe_name
from ops.accesses.access import Access
from ops.local.engine.files import INSIDE, Workshop

_AT_ONCE = 300
_ALTERED = "altered"
_LEDGER, _ACCESSES = "ledger.jsonl", "accesses.jsonl"


Change = Callable[[str], str | None]
"""Of a line; None takes it out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A recording, or a call of which none is left, by what may stand somewhere."""

    source: str
    id: str

    @property
    def digest(self) -> str:
        """The digest that takes the id's place."""
        return digest_of(self.source, self.id)

    def forms(self) -> set[str]:
        """The id as it may be written."""
        escaped = {json.dumps(self.id)[1:-1], json.dumps(self.id, ensure_ascii=False)[1:-1]}
        return {self.id, safe_name(self.id), html.escape(self.id), *escaped}


class Scrubber:
    """Replaces ids in texts by their digests."""

    def __init__(self, traces: Iterable[Trace]) -> None:
        self._digests = {form: trace.digest for trace in traces for form in trace.forms()}
        forms = sorted(self._digests, key=len, reverse=True)
        self._patterns = [
            re.compile("(?<![\\w-])(?:" + "|".join(map(re.escape, forms[start : start + _AT_ONCE])) + ")(?![\\w-])")
            for start in range(0, len(forms), _AT_ONCE)
        ]

    def __call__(self, text: str) -> str:
        """The text without any of the ids; an id within a longer word is another one."""
        for pattern in self._patterns:
            text = pattern.sub(lambda found: self._digests[found[0]], text)
        return text


def scrub_reports(bucket: Bucket, erasing: Bucket, source: str, scrub: Callable[[str], str]) -> int:
    """Every version of a source's reports; those that named an erased one are written anew and their old versions go.

    How many were changed.
    """
    changed: set[str] = set()
    for version in list(bucket.versions(f"reports/source={source}/")):
        if version.deleted or version.key in changed:
            continue
        text = _text(bucket, version.key, version.version_id)
        if text is not None and scrub(text) != text:
            changed.add(version.key)
    for key in changed:
        before = [version for version in bucket.versions(key) if version.key == key]
        text = _text(bucket, key, None)
        if text is not None:
            bucket.put(key, scrub(text).encode("utf-8", "surrogateescape"), content_type=_type_of(key))
        if bucket.keeps_metadata:  # where versions are kept at all
            for version in before:
                erasing.delete(key, version_id=version.version_id)
    return len(changed)


def _type_of(key: str) -> str:
    return "text/html; charset=utf-8" if key.endswith(".html") else "application/json"


def _text(bucket: Bucket, key: str, version_id: str | None) -> str | None:
    try:
        with bucket.read(key, version_id=version_id) as pieces:
            return b"".join(pieces).decode("utf-8", "surrogateescape")
    except NotThere:
        return None


def scrub_folder(root: Path, names: Sequence[str], keys: Sequence[str], scrub: Callable[[str], str]) -> None:
    """A local archive's own files. `names` are the ids whose lines leave ledger.jsonl; what was set aside goes."""
    for key in keys:
        (root / _ALTERED / key).unlink(missing_ok=True)
    ids = set(names)
    special: Mapping[str, Change] = {
        _LEDGER: lambda line: None if _id_of(line) in ids else line,
        _ACCESSES: without_ids(scrub),
    }
    for path in sorted(root.glob("*.jsonl")):
        _rewrite(path, special.get(path.name, scrub))
    for path in (*root.glob("*.json"), root / INSIDE / "verdict"):
        if path.is_file():
            before = path.read_text("utf-8", "surrogateescape")
            after = scrub(before)
            if after != before:
                Workshop(root).replace(path, [after.encode("utf-8", "surrogateescape")])


def _id_of(line: str) -> str | None:
    try:
        found = json.loads(line).get("recording_id")
    except (AttributeError, ValueError):
        return None
    return None if found is None else str(found)


def _rewrite(path: Path, change: Change) -> None:
    """Changes lines in place, from the first changed one on, under the file's own lock: others may want to append."""
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start, rest = _from_the_first_change(file, change)
        if rest is not None:
            file.seek(start)
            file.write(rest)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _from_the_first_change(file: Iterable[bytes], change: Change) -> tuple[int, bytes | None]:
    """Where the first changed line begins, and everything from there on; None where none changes."""
    start, rest = 0, None
    for line in file:
        before = line.decode("utf-8", "surrogateescape")
        after = change(before)
        if rest is None and after == before:
            start += len(line)
        else:
            rest = (rest or bytearray()) + (after or "").encode("utf-8", "surrogateescape")
    return start, None if rest is None else bytes(rest)


def without_ids(scrub: Callable[[str], str]) -> Callable[[str], str]:
    """For lines of access records, one after the other: the id becomes null, and leaves the reasons that name it.

    The chain is over the form without the id, but with the reason: behind a line that says something else from now on,
    the next one names its new digest.
    """
    renamed: dict[str, str] = {}

    def change(line: str) -> str:
        try:
            document = json.loads(line)
            before = Access.read(document)
        except (AttributeError, KeyError, TypeError, ValueError):
            return scrub(line)
        named = before.recording_id
        changes = {
            "recording_id": None if named is None or scrub(named) != named else named,
            "reason": scrub(before.reason),
            "previous": renamed.get(before.previous or "", before.previous),
        }
        if all(document.get(name) == value for name, value in changes.items()):
            return scrub(line)
        after = Access.read(document | changes)
        if after.digest() != before.digest():
            renamed[before.digest()] = after.digest()
        return json.dumps(document | changes, ensure_ascii=False) + "\n"

    return change
