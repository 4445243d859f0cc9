"""A folder as an archive: what must be so before a verb may work on it, and how it is opened.

DIR/.archive/format          the version of the layout; a folder with it is an archive
DIR/.archive/lock            who works on it
DIR/.archive/ledger.sqlite   the ledger, unless `.archive/ledger` names a file elsewhere
DIR/.archive/shown           which state of it ledger.jsonl shows
DIR/.archive/tmp/            files that are not whole yet
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from ops.archive.layout import LAYOUT, layout_of
from ops.local import earlier
from ops.local.engine.errors import LedgerDamaged, LedgerFull, LedgerTooNew
from ops.local.engine.files import FILE_MODE, INSIDE, DiskFull, Workshop, is_full, make_folder
from ops.local.engine.folder import IGNORES_CASE, FolderBucket
from ops.local.engine.ground import is_remote
from ops.local.engine.lock import FolderLock, InUse
from ops.local.engine.sqlite_file import set_aside
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.command_line import quoted
from ops.shell.output import ExitCode, Failure

LEDGER, RUN, RUNS, LOG = "ledger.jsonl", "run.json", "runs.jsonl", "log.jsonl"
SHOWN = "shown"
"""The file below `.archive` that names the state of the ledger that `ledger.jsonl` shows."""

LONGEST_NAME = 255
"""Bytes that a file's name may need: an id of 200, a hash of its capitals, and the ending."""

_IGNORED = {".DS_Store", "lost+found", ".Trash-1000", "Thumbs.db"}

Say = Callable[[str], None]
"""Says one sentence to the person who waits."""


@dataclass(kw_only=True, slots=True)
class FolderArchive:
    """A folder, its objects and its ledger."""

    path: Path
    bucket: FolderBucket
    table: SqliteTable
    is_new: bool
    """Whether the ledger was made just now."""

    @property
    def inside(self) -> Path:
        """The engine's own folder."""
        return self.path / INSIDE

    def write(self, name: str, pieces: Iterator[bytes]) -> None:
        """Writes a file of the archive's first level, over an earlier one."""
        self.bucket.workshop.replace(self.path / name, pieces)

    def accept_layout(self) -> None:
        """Marks the folder as an archive of this layout: what it held before has been taken over."""
        self.bucket.workshop.replace(self.inside / "format", [f"{LAYOUT}\n".encode()])


@contextmanager
def opened(
    path: Path, verb: str, *, ledger: Path | None = None, say: Say, anew: bool = False
) -> Iterator[FolderArchive]:
    """The folder under its lock. Raises Failure with the sentence and the exit code that every verb gives for it.

    With `anew` a ledger that is missing is made, and one that cannot be used is renamed before.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - as it was given: a link stays a link
    with in_words(path):
        _check_folder(path)
        make_folder(path)
        with alone(path, verb):
            Workshop(path).sweep()
            _note_case(path)
            bucket = FolderBucket(path)
            file = _ledger_file(path, ledger, say)
            if anew:
                _set_aside_if_unusable(file, say)
            is_new = not file.exists()
            if is_new and layout_of(path) and not anew:
                raise Failure(
                    ExitCode.UNAVAILABLE,
                    f"the ledger {file} is missing",
                    next_=f"recordings rebuild-ledger -a {quoted(path)}",
                )
            with SqliteTable(file) as table:
                if table.journal != "wal":
                    say(f"{file} lies on a file system without a write-ahead log: nobody can read it during this run")
                yield FolderArchive(path=path, bucket=bucket, table=table, is_new=is_new)


def ledger_file(path: Path) -> Path:
    """Where the folder's ledger is."""
    try:
        return Path((path / INSIDE / "ledger").read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return path / INSIDE / "ledger.sqlite"


def is_of_before(path: Path) -> bool:
    """Whether the folder was filled by a version that had no ledger file."""
    return not layout_of(path) and ((path / LEDGER).exists() or (path / "metadata").is_dir())


def disk_is_full(path: Path, error: OSError | None = None) -> Failure:
    """The sentence for a full disk."""
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    needed = error.needed if isinstance(error, DiskFull) else 0
    more = f", {_size(needed)} needed" if needed else ""
    return Failure(
        ExitCode.UNAVAILABLE, f"{path} is full: {_size(free)} free{more}; make room and run it again", kind="disk_full"
    )


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Says what a disk or a ledger does not let us do as every verb says it. Raises Failure."""
    try:
        yield
    except LedgerFull as full:
        raise disk_is_full(path if path in full.path.parents else full.path.parent) from None
    except OSError as error:
        if is_full(error):
            raise disk_is_full(path, error) from None
        if error.errno is None or isinstance(error, BrokenPipeError):  # no disk's: the reader of our output went away
            raise
        what = error.filename or path
        raise Failure(ExitCode.UNAVAILABLE, f"{what} cannot be used: {(error.strerror or '').lower()}") from None


def _check_folder(path: Path) -> None:
    """Raises Failure for what is no place for an archive, before anything is written."""
    if path.exists() and not path.is_dir():
        raise Failure(ExitCode.MISUSE, f"{path} is a file, and an archive is a folder")
    if not path.exists():
        return
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise Failure(ExitCode.UNAVAILABLE, f"{path} may not be read and written by you")
    layout_of(path)  # refuses that of a newer program
    foreign = [name for name in sorted(each.name for each in path.iterdir()) if name not in (*_IGNORED, INSIDE)]
    if foreign and not (path / INSIDE).is_dir() and not is_of_before(path):
        raise Failure(
            ExitCode.MISUSE,
            f"{path} holds other files, such as {foreign[0]!r}, and no archive: give a folder of its own",
        )
    _check_names(path)
    for name in (LEDGER, RUN, RUNS, LOG):
        if (path / name).is_dir():
            raise Failure(ExitCode.UNAVAILABLE, f"{path / name} is a folder, and a file of that name has to be written")
    if is_of_before(path):
        earlier.check(path)


def _check_names(path: Path) -> None:
    longest = os.pathconf(path, "PC_NAME_MAX")
    if longest < LONGEST_NAME:
        raise Failure(
            ExitCode.MISUSE, f"{path}: its file system takes names of {longest} bytes, and {LONGEST_NAME} are needed"
        )


@contextmanager
def alone(path: Path, verb: str) -> Iterator[None]:
    """Nobody else works on the folder meanwhile. Raises Failure (REFUSED), which names who does."""
    with ExitStack() as stack:
        try:
            stack.enter_context(FolderLock(path, verb))
        except InUse as held:
            raise Failure(ExitCode.REFUSED, str(held), kind="in_use") from None
        yield


def _ledger_file(path: Path, given: Path | None, say: Say) -> Path:
    """The ledger's file; one elsewhere is noted, so that every other verb finds it."""
    if given is None:
        file = ledger_file(path)
        if is_remote(file.parent) and not file.exists():
            say(f"{path} lies on a network: the ledger is safer on a local disk, with --ledger FILE")
        return file
    wanted = Path(os.path.abspath(given))  # noqa: PTH100 - a link stays a link
    if ledger_file(path) != wanted and ledger_file(path).exists():
        raise Failure(ExitCode.MISUSE, f"{path} has its ledger in {ledger_file(path)}: move it to {wanted} first")
    make_folder(wanted.parent)
    Workshop(path).replace(path / INSIDE / "ledger", [f"{wanted}\n".encode()])
    return wanted


def _set_aside_if_unusable(file: Path, say: Say) -> None:
    """Renames a ledger that is damaged or of a newer version, with what belongs to it; nothing is deleted."""
    if not file.exists():
        return
    try:
        SqliteTable(file).close()
        return
    except (LedgerDamaged, LedgerTooNew) as trouble:
        say(str(trouble))
    say(f"the ledger was renamed to {set_aside(file).name}")


def _note_case(path: Path) -> None:
    """Finds out, with a file, whether the file system takes `A` and `a` for one name, and notes it for every reader."""
    make_folder(path / INSIDE / "tmp")
    name = f"case-{token_hex(8)}"
    trial = path / INSIDE / "tmp" / name
    os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
    try:
        if (trial.parent / name.upper()).exists():
            (path / INSIDE / IGNORES_CASE).touch(FILE_MODE)
    finally:
        trial.unlink()


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1e6:.1f} MB"
