"""Where a verb may write what it hands out: a new file in a folder that is there, and never among an archive's own."""

from __future__ import annotations

from pathlib import Path

from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive
from ops.shell.output import ExitCode, Failure


def checked_target(path: Path, option: str, archive: Archive | None = None) -> Path:
    """`path`, which `option` named, if a file can be made there. Raises Failure (MISUSE)."""
    if path.is_dir():
        raise Failure(ExitCode.MISUSE, f"{path} is a folder: name a file with {option}", kind="no_file")
    if not path.parent.is_dir():
        raise Failure(ExitCode.MISUSE, f"there is no folder {path.parent}: give another {option}", kind="no_folder")
    if isinstance(archive, FolderArchive) and path.resolve().is_relative_to(archive.root.resolve()):
        sentence = f"{path} would lie in the archive, among its own files: give another {option}"
        raise Failure(ExitCode.MISUSE, sentence, kind="in_the_archive")
    return path
