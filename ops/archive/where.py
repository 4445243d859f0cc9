"""Which archive is meant: a folder, a deployment file, a stack's name, or the only deployment file that there is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from functions.archiver.settings.toml_file import read
from ops.shell.output import ExitCode, Failure
from ops.shell.version import ROOT

WAYS = "give -a FOLDER, -a FILE.toml or -a STACK, or set RECORDINGS_ARCHIVE"

_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder that is an archive."""

    path: Path


@dataclass(frozen=True, slots=True)
class Stack:
    """An archive on AWS, by its name."""

    name: str


def located(where: str | None) -> LocalFolder | Stack:
    """The archive that `where` names. None stands for that of the only deployment file.

    Raises Misconfigured, and Failure (MISUSE, NOT_FOUND).
    """
    if where == "":
        raise Failure(ExitCode.MISUSE, f"which archive? -a is empty: {WAYS}", kind="no_archive")
    file = deployment_file(where)
    if where is None or file is not None:
        return Stack(read(file or _only_deployment_file()).archive.name)
    path = Path(where).expanduser()
    if path.is_dir():
        return LocalFolder(path)
    if _STACK.fullmatch(where) and not path.exists():
        return Stack(where)
    if path.exists():
        raise Failure(ExitCode.NOT_FOUND, f"{where} is a file and not an archive: {WAYS}", kind="no_archive")
    raise Failure(ExitCode.NOT_FOUND, f"there is no folder {where}: {WAYS}", kind="no_archive")


def deployment_file(where: str | None) -> Path | None:
    """The deployment file that is meant; None where `where` is a folder or a stack's name. Raises as `located`."""
    if where is None:
        return _only_deployment_file()
    path = Path(where).expanduser()
    return path if path.suffix == ".toml" and not path.is_dir() else None


def _only_deployment_file() -> Path:
    """In ./deployments, or in the one of this checkout when there is none here."""
    for folder in (Path("deployments"), ROOT / "deployments"):
        files = sorted(path for path in folder.glob("*.toml") if path.name != "example.toml")
        if len(files) == 1:
            return files[0]
        if files:
            names = ", ".join(str(path) for path in files)
            raise Failure(ExitCode.MISUSE, f"which archive? There are {names}: {WAYS}", kind="no_archive")
    raise Failure(ExitCode.MISUSE, f"which archive? {WAYS}", kind="no_archive")
