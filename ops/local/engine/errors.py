"""Why a ledger's file cannot be used: each one sentence for a person, with the next command, and an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class LedgerError(Exception):
    """The ledger's file cannot be used."""

    exit_code: ClassVar[int] = 5


class LedgerUnusable(LedgerError):
    """The disk or the file system is in the way: full, read only, not there, or without locks."""


class LedgerDamaged(LedgerError):
    """The file does not hold together, or is no ledger."""

    def __init__(self, path: Path, complaint: str) -> None:
        super().__init__(f"the ledger {path} is damaged ({complaint}); {_rebuild(path)}")


class LedgerTooNew(LedgerError):
    """A later version of this program wrote the file."""

    exit_code: ClassVar[int] = 2

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"the ledger {path} is of version {version}, and this program knows {known} at most: "
            f"use the newer program, or {_rebuild(path)}"
        )


class LedgerInUse(LedgerError):
    """Another process has held the file for longer than this one waits."""

    exit_code: ClassVar[int] = 4

    def __init__(self, path: Path) -> None:
        super().__init__(f"the ledger {path} is in use by another process; try again when that has ended")


def _rebuild(path: Path) -> str:
    folder = path.parent.parent if path.parent.name == ".archive" else Path("DIR")
    return f"make a new one from the archive: recordings rebuild-ledger -a {folder}"
