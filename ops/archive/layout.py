"""The version of a folder's layout, noted in it by the run that made or took over the archive."""

from __future__ import annotations

from pathlib import Path

from ops.local.engine.files import INSIDE
from ops.shell.output import ExitCode, Failure

LAYOUT = 1


def layout_of(path: Path) -> int:
    """The version; 0 where there is no marker. Raises OSError, and Failure for one of a newer program or of none."""
    marker = path / INSIDE / "format"
    try:
        version = int(marker.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except ValueError:
        raise Failure(ExitCode.UNAVAILABLE, f"{marker} cannot be understood") from None
    if version > LAYOUT:
        raise Failure(ExitCode.MISUSE, f"{path} was written by a newer version of this program: use that one")
    return version
