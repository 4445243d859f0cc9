"""Where this machine keeps its search indexes: one file for each archive, in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ops.archive.archive import Archive

FOLDER = "call-recording-archiver"


def path_of(archive: Archive) -> Path:
    """The archive's own file. It need not be there yet."""
    digest = hashlib.sha256(archive.unique_name.encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9-]", "-", archive.name)[:40]
    return cache_folder() / f"{name}-{digest}.sqlite"


def cache_folder() -> Path:
    """As the XDG base directory specification says; a relative XDG_CACHE_HOME is to be ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / FOLDER
