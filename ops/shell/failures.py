"""Turns whatever ended a verb into a sentence and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from functions.archiver.errors import ArchiveTrouble, Gone, Misconfigured, NotFound, Outcome
from ops.shell.output import ExitCode, Failure

_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG),
    *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP),  # something else lies where a file of ours belongs
}
_MISUSE_OF_AWS = {
    "NoRegionError": "no AWS region is set: set AWS_REGION, or give --region NAME",
    "NoCredentialsError": "no AWS credentials are found: set AWS_PROFILE, or give --profile NAME",
}


def failure_of(error: BaseException) -> Failure:
    """The failure that `error` means. An error that nobody expected leaves its trace in a file."""
    match error:
        case Failure():
            return error
        case KeyboardInterrupt():
            return Failure(ExitCode.INTERRUPTED, "stopped by you")
        case EOFError() | click.Abort():
            return Failure(ExitCode.REFUSED, "the input ended before the question was answered")
        case click.ClickException():
            return _misuse(error)
        case Misconfigured():
            return Failure(ExitCode.MISUSE, str(error))
        case NotFound() | Gone():
            return Failure(ExitCode.NOT_FOUND, str(error))
        case Outcome() | ArchiveTrouble():
            return Failure(ExitCode.UNAVAILABLE, str(error))
    return _of_aws(error) or _of_disk(error) or _of_index(error) or _bug(error)


def _misuse(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    help_ = f"{context.command_path} --help" if context else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure(ExitCode.MISUSE, error.format_message())
    return Failure(ExitCode.MISUSE, error.format_message(), next_=help_)


def _of_aws(error: BaseException) -> Failure | None:
    """AWS's errors, told without importing botocore where no verb did."""
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None or not isinstance(error, (botocore.BotoCoreError, botocore.ClientError)):
        return None
    kind = type(error).__name__
    if kind in _MISUSE_OF_AWS:
        return Failure(ExitCode.MISUSE, _MISUSE_OF_AWS[kind])
    code = ExitCode.MISUSE if kind in ("ProfileNotFound", "PartialCredentialsError") else ExitCode.UNAVAILABLE
    return Failure(code, f"AWS: {error}")


def _of_disk(error: BaseException) -> Failure | None:
    if isinstance(error, OSError) and error.errno in _DISK:
        what = f"{error.filename}: " if error.filename else ""
        return Failure(ExitCode.UNAVAILABLE, f"{what}{(error.strerror or 'cannot be used').lower()}")
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error.strerror):  # as tempfile puts it
        return Failure(ExitCode.UNAVAILABLE, "no temporary folder can be written: make room on its disk, or set TMPDIR")
    return None


def _of_index(error: BaseException) -> Failure | None:
    """The search index's trouble with its disk. What troubles a ledger is a sentence where it happens."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or not isinstance(error, sqlite3.OperationalError):
        return None
    codes = ("FULL", "READONLY", "CANTOPEN", "PERM", "IOERR", "BUSY", "LOCKED")
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {getattr(sqlite3, f"SQLITE_{code}") for code in codes}:
        return None
    sentence = f"this machine's search index cannot be used: {error}"
    return Failure(ExitCode.UNAVAILABLE, sentence, next_="recordings index --where")


def _bug(error: BaseException) -> Failure:
    trace = "".join(traceback.format_exception(error))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"recordings-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-", suffix=".txt")
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, open to its owner alone
            file.write(trace)
        where = str(Path(name))
    except OSError:
        print(trace, file=sys.stderr)
        where = "above"
    return Failure(ExitCode.BUG, f"this is a bug ({type(error).__name__}); its trace is {_at(where)}")


def _at(where: str) -> str:
    return where if where == "above" else f"in {where}"


def broken_pipe() -> ExitCode:
    """Ends without a word: the reader has what it wanted. Python would complain once more as it flushes at its end.

    Which of both streams it read is not known: with `2>&1 | head` both.
    """
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return ExitCode.CLOSED_PIPE
