"""Why a ledger's file cannot be used: each one sentence for a person, with an exit code and the next command."""

from __future__ import annotations

from pathlib import Path

from ops.shell.command_line import quoted
from ops.shell.output import ExitCode, Failure


class LedgerError(Failure):
    """The ledger's file cannot be used."""


class LedgerUnusable(LedgerError):
    """The disk or the file system is in the way: full, read only, not there, or without locks."""

    def __init__(self, path: Path, reason: str, *, next_: str | None = None) -> None:
        super().__init__(ExitCode.UNAVAILABLE, f"the ledger {path} cannot be used: {reason}", next_=next_)


class LedgerFull(LedgerUnusable):
    """There is no room for another page of the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the disk is full")
        self.path = path


class LedgerDamaged(LedgerError):
    """The file does not hold together, or is no ledger."""

    def __init__(self, path: Path, complaint: str) -> None:
        sentence = f"the ledger {path} is damaged ({complaint}): make a new one from the archive"
        super().__init__(ExitCode.UNAVAILABLE, sentence, next_=_rebuild(path))


class LedgerTooNew(LedgerError):
    """A later version of this program wrote the file."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        sentence = (
            f"the ledger {path} is of version {version}, and this program knows {known} at most: "
            "use the newer program, or make a new ledger from the archive"
        )
        super().__init__(ExitCode.MISUSE, sentence, next_=_rebuild(path))


class LedgerTooOld(LedgerError):
    """An earlier version of this program wrote the file, and whoever only reads does not change it."""

    def __init__(self, path: Path) -> None:
        sentence = f"the ledger {path} is of an earlier version: the next run brings it up to date"
        super().__init__(ExitCode.MISUSE, sentence, next_="recordings local …")


class LedgerInUse(LedgerError):
    """Another process has held the file for longer than this one waits."""

    def __init__(self, path: Path) -> None:
        sentence = f"the ledger {path} is in use by another process: try again when that has ended"
        super().__init__(ExitCode.REFUSED, sentence)


def _rebuild(path: Path) -> str:
    folder = path.parent.parent if path.parent.name == ".archive" else "DIR"
    return f"recordings rebuild-ledger -a {quoted(folder)}"
