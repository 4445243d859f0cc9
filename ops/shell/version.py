"""Which version this is."""

from __future__ import annotations

import subprocess
from pathlib import Path

from functions.archiver.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def version() -> str:
    """The version of the project file, with the commit in a git checkout: `0.1.0 (3a0a892)`."""
    commit = _commit()
    return f"{VERSION} ({commit})" if commit else VERSION


def _commit() -> str | None:
    if not (ROOT / ".git").exists():
        return None
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
