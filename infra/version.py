"""Which commit of this project writes a template."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def commit() -> str | None:
    """The commit of a git checkout; None for a copy without its history, or without git."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return None
    asked = [git, "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - fixed words
    return answer.stdout.strip() or None
