"""The JSON schemas of what verbs answer with `--json`, in docs/schemas."""

from __future__ import annotations

from pathlib import Path

from ops.shell.output import ExitCode, Failure
from ops.shell.version import ROOT

FOLDER = ROOT / "docs" / "schemas"


_SHORT = {"seal": "seal-days"}
"""Verbs that are written shorter than they are named."""


def names() -> list[str]:
    """The verbs that have one, as `provider-list`."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def path_of(name: str) -> Path:
    """The schema's file. Raises Failure (NOT_FOUND)."""
    name = _SHORT.get(name, name)
    if name not in names():
        raise Failure(ExitCode.NOT_FOUND, f"there is no schema {name!r}: there are {', '.join(names())}")
    return FOLDER / f"{name}.json"
