"""The verb `index`: what this machine keeps of an archive to search in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from enum import Enum
from pathlib import Path

from ops.archive.opening import open_archive
from ops.index.file import path_of
from ops.index.index import Index, drop
from ops.index.refresh import as_of, refresh
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import bytes_text, counted
from ops.shell.verb import Shared


class Do(Enum):
    """Actions other than a refresh."""

    REBUILD = "rebuild"
    DROP = "drop"
    WHERE = "where"


def index(shared: Shared, chosen: Sequence[Do]) -> ExitCode:
    """Refreshes, rebuilds, drops or names it. Raises Failure."""
    if len(chosen) > 1:
        raise Failure(ExitCode.MISUSE, f"give one of {' and '.join(f'--{do.value}' for do in chosen)}")
    archive = open_archive(shared)
    output, path = shared.output(archive.zone), path_of(archive)
    do = chosen[0] if chosen else None
    if do is Do.WHERE:
        _document(output, path, rows=None, moment=None)
        output.line(str(path))
        return ExitCode.DONE
    if do in (Do.DROP, Do.REBUILD):
        drop(path)
    if do is Do.DROP:
        _document(output, path, rows=0, moment=None)
        output.verdict(f"{path} is gone from this machine; find and the page build it anew")
        return ExitCode.DONE
    with closing(refresh(archive, output.progress)) as fresh:
        _say(output, fresh)
    return ExitCode.DONE


def _say(output: Output, fresh: Index) -> None:
    rows = sum(sum(states.values()) for states in fresh.totals().values())
    moment = as_of(fresh)
    _document(output, fresh.path, rows=rows, moment=moment)
    output.verdict(f"{counted(rows)} as of {output.time(moment)}, {bytes_text(_size(fresh.path))} in {fresh.path}")


def _document(output: Output, path: Path, *, rows: int | None, moment: datetime | None) -> None:
    output.document({"path": str(path), "rows": rows, "as_of": moment, "bytes": _size(path)})


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) if path.exists() else 0
