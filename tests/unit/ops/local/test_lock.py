"""One process at a time works on an archive's folder, and whoever comes second is told who it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local.engine.lock import FolderLock, InUse, holder_of

HOLD = """
import sys
from pathlib import Path
from ops.local.engine.lock import FolderLock
with FolderLock(Path(sys.argv[1]), "local"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InUse, match=f"{tmp_path} is in use by process {other.pid} since [0-9:]{{5}}"):
            FolderLock(tmp_path, "import").__enter__()
        assert str(other.pid) in str(holder_of(tmp_path))
        other.kill()
    with FolderLock(tmp_path, "import"):
        pass  # it died with its process


def test_a_lock_that_is_free_has_no_holder(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with FolderLock(tmp_path, "local"):
        assert f"process {os.getpid()}" in str(holder_of(tmp_path))
    assert holder_of(tmp_path) is None


def test_a_holder_that_left_no_name_is_still_a_holder(tmp_path: Path) -> None:
    with FolderLock(tmp_path, "local"):
        (tmp_path / ".archive" / "lock").write_bytes(b"")
        with pytest.raises(InUse, match="in use by another process"):
            FolderLock(tmp_path, "import").__enter__()


def test_only_the_owner_can_see_the_lock(tmp_path: Path) -> None:
    with FolderLock(tmp_path, "local"):
        assert (tmp_path / ".archive").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / ".archive" / "lock").stat().st_mode & 0o777 == 0o600
