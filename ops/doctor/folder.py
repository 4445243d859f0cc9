"""The checks of a local archive. Nothing is asked of a provider: the credentials are in a file that a run gets."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from functions.archiver.checking import Status
from functions.archiver.clock import Clock
from functions.archiver.vitals import VitalsReader
from ops.archive.folder import FolderArchive
from ops.doctor.check import Check, first_archived, tick, unknown_when_refused
from ops.local.engine.files import INSIDE

ENOUGH_BYTES = 1_000_000_000
TOO_FEW_BYTES = 100_000_000


def checks(archive: FolderArchive, sources: Sequence[str]) -> Iterator[Check]:
    """All of them."""
    yield _disk(archive.root)
    yield _private(archive.root)
    for source in sources:
        reader = VitalsReader(archive.table, source=source, clock=Clock())
        for each in tick(archive, source, reader):
            yield (
                replace(each, next=f"recordings local --out {_typed(archive.root)} …") if each.status != "ok" else each
            )
        yield from _provider(source, reader)
        yield from first_archived(archive, source)


@unknown_when_refused("provider.lists")
def _provider(source: str, reader: VitalsReader) -> Iterator[Check]:
    """Only where the last run was refused: without credentials nobody can ask whether the provider would answer now."""
    signs = reader.read().signs
    if signs.refused:
        yield Check(
            id="provider.lists",
            source=source,
            status="failed",
            detail=f"the last run was refused: {signs.closed_reason}",
            next="put working credentials into the file of --secrets, and run `recordings local` again",
        )


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    detail = f"{free / 1e9:,.1f} GB are free"
    if free >= ENOUGH_BYTES:
        return Check(id="disk.free", status="ok", detail=detail)
    status: Status = "failed" if free < TOO_FEW_BYTES else "warning"
    return Check(id="disk.free", status=status, detail=f"{detail}: make room for more", next=f"df -h {_typed(root)}")


def _private(root: Path) -> Check:
    open_ = [path for path in (root, root / INSIDE) if path.exists() and path.stat().st_mode & 0o077]
    if not open_:
        return Check(id="folder.private", status="ok", detail="only its owner may look into it")
    names = ", ".join(map(str, open_))
    return Check(
        id="folder.private",
        status="failed",
        detail=f"others may look into {names}",
        next=f"chmod -R go= {_typed(root)}",
    )


def _typed(path: Path) -> str:
    return shlex.quote(str(path))
