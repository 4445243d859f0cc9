"""On what kind of file system a folder lies, and whether a write-ahead log works there.

SQLite's log needs memory that all processes share and locks that hold. File systems over a network have neither for
certain (https://sqlite.org/wal.html), and what a FUSE mount does only a trial can tell.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_REMOTE = {"9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre"}
_REMOTE |= {"ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "webdav"}

_TRIAL_BYTES = 200_000
"""A file of two pages with its log, and 32 KiB of shared memory, with room to spare."""

_OTHER_PROCESS = """
import sqlite3, sys
there = sqlite3.connect(sys.argv[1], timeout=5)
print(there.execute("SELECT word FROM trial").fetchall())
with there:
    there.execute("INSERT INTO trial VALUES ('two')")
"""


def file_system(folder: Path) -> str:
    """The type of the file system, as the system calls it; empty where that cannot be told."""
    folder = _existing(folder)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if _MOUNTS.exists():
            return type_among(_linux_mounts(_MOUNTS.read_text(errors="surrogateescape")), folder)
        listed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True)
        return type_among(_mac_mounts(listed.stdout), folder)
    return ""


def is_remote(folder: Path) -> bool:
    """Whether the folder lies on a network, or on a mount that may."""
    kind = file_system(folder)
    return kind in _REMOTE or kind.startswith("fuse.")


def bears_a_log(folder: Path) -> bool:
    """Whether a second process sees a first one's writes through a write-ahead log, tried with a file of its own.

    Raises OSError (ENOSPC) where there is no room for a trial: that tells nothing about the file system.
    """
    found = os.statvfs(_existing(folder))
    if found.f_blocks and found.f_bavail * found.f_frsize < _TRIAL_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    with (
        contextlib.suppress(sqlite3.Error, OSError, subprocess.SubprocessError),
        tempfile.TemporaryDirectory(prefix=".trial-", dir=_existing(folder), ignore_cleanup_errors=True) as place,
    ):
        file = Path(place) / "trial.sqlite"
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as here:
            if here.execute("PRAGMA journal_mode = wal").fetchone() != ("wal",):
                return False
            here.execute("CREATE TABLE trial (word TEXT)")
            here.execute("INSERT INTO trial VALUES ('one')")
            command = [sys.executable, "-I", "-S", "-c", _OTHER_PROCESS, str(file)]
            other = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603 - ours
            seen = here.execute("SELECT word FROM trial").fetchall()
            return other.stdout.strip() == "[('one',)]" and seen == [("one",), ("two",)]
    return False


def type_among(mounts: list[tuple[str, str]], folder: Path) -> str:
    """The type of the innermost `(mount point, type)` that holds the folder; later ones cover earlier ones."""
    found, depth = "", -1
    for point, kind in mounts:
        if folder.is_relative_to(point) and len(Path(point).parts) >= depth:
            found, depth = kind, len(Path(point).parts)
    return found


def _linux_mounts(text: str) -> list[tuple[str, str]]:
    """`36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw`; a space in a path stands as `\\040`."""
    mounts = []
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split(" ")[4]
        for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(escape, character)
        mounts.append((point, rest.split(" ")[0]))
    return mounts


def _mac_mounts(text: str) -> list[tuple[str, str]]:
    """`//user@nas/share on /Volumes/share (smbfs, nodev, nosuid)`."""
    mounts = []
    for line in text.splitlines():
        _, _, rest = line.partition(" on ")
        point, _, options = rest.rpartition(" (")
        mounts.append((point, options.rstrip(")").split(",")[0]))
    return mounts


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists already."""
    folder = folder.absolute().resolve()
    return next(each for each in (folder, *folder.parents) if each.exists())
