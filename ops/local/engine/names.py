"""Under which name a folder keeps a key, and back."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from ops.local.engine.files import INSIDE

_TAIL = re.compile(r"(?P<stem>.+)~c(?P<digest>[0-9a-f]{8})(?P<extension>\.[^.]*)?")


class Names:
    """The paths of keys below `root`.

    Where the file system takes `ABC` and `abc` for one name, a name with capitals gets a tail of its digest, so that
    two keys never meet in one file. The key itself never changes.
    """

    def __init__(self, root: Path, *, ignores_case: bool = False) -> None:
        self.root = root
        self._ignores_case = ignores_case

    def path(self, key: str) -> Path:
        """Where the key's file is. Raises ValueError for a key that leads out of the folder or into the engine's."""
        parts = key.split("/")
        safe = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
        if not safe or parts[0] == INSIDE:
            raise ValueError(f"{key!r} is no key of a folder")
        *folders, name = parts
        return self.root.joinpath(*folders, self._name(name))

    def key(self, path: Path) -> str:
        """The key of a file."""
        relative = PurePosixPath(path.relative_to(self.root).as_posix())
        return str(relative.with_name(self.plain(relative.name)))

    def _name(self, name: str) -> str:
        if not self._ignores_case or name == name.lower():
            return name
        stem, dot, extension = name.rpartition(".")
        stem, extension = (stem, f"{dot}{extension}") if stem else (name, "")
        return f"{stem}~c{_digest(name)}{extension}"

    def plain(self, name: str) -> str:
        """The last part of a key, from its file's name."""
        found = _TAIL.fullmatch(name) if self._ignores_case else None
        if found is None:
            return name
        plain = f"{found['stem']}{found['extension'] or ''}"
        return plain if _digest(plain) == found["digest"] else name


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
