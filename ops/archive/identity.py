"""The identity of a local archive: its name, zone and sources, kept in its folder by the runs that fill it.

A folder without this file, such as one that was copied from a bucket, is as good: its name is then the folder's own,
and its sources are those that it holds something of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from functions.archiver.settings.deployment import Deployment
from ops.local.engine.files import INSIDE, Workshop

FOLDERS = ("audio", "metadata", "quarantine", "reports", "seals", "transcripts")
"""The folders of an archive that hold one of each source."""

_LEDGERS = (f"{INSIDE}/ledger.sqlite", "ledger.jsonl")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Facts that a folder cannot show by itself."""

    name: str
    zone: str = "UTC"
    sources: tuple[str, ...] = ()


def is_archive(root: Path) -> bool:
    """Whether the folder holds an archive, be it an empty one. Raises OSError for one that cannot be read."""
    names = {path.name for path in root.iterdir()}
    return not names.isdisjoint({INSIDE, *FOLDERS}) or any((root / ledger).is_file() for ledger in _LEDGERS)


def identity_of(root: Path) -> Identity:
    """As the last run left it, with every source that the folder holds something of."""
    kept = _kept(root)
    return replace(kept, sources=tuple(sorted({*kept.sources, *_sources_in(root)})))


def keep_identity(root: Path, deployment: Deployment) -> None:
    """Notes what the deployment says; sources of earlier runs stay, because their recordings do."""
    sources = {*_kept(root).sources, *(source.name for source in deployment.sources)}
    identity = Identity(
        name=deployment.archive.name,
        zone=deployment.archive.timezone,
        sources=tuple(sorted(sources)),
    )
    if identity != _kept(root):
        text = json.dumps(asdict(identity), ensure_ascii=False, indent=2) + "\n"
        Workshop(root).replace(_path(root), [text.encode()])


def _kept(root: Path) -> Identity:
    nothing = Identity(name=root.absolute().name or "archive")
    try:
        fields = json.loads(_path(root).read_text(encoding="utf-8"))
        return Identity(**(fields | {"sources": tuple(fields["sources"])}))
    except (FileNotFoundError, NotADirectoryError):
        return nothing
    except (KeyError, TypeError, ValueError):
        return nothing  # it only makes names nicer, so that no damage to it may keep anybody from the archive


def _sources_in(root: Path) -> Iterator[str]:
    for folder in FOLDERS:
        if (root / folder).is_dir():
            yield from (path.name.partition("=")[2] for path in (root / folder).glob("source=*"))


def _path(root: Path) -> Path:
    return root / INSIDE / "archive.json"
