"""On what file systems a ledger may have a write-ahead log."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops.local.engine import ground, sqlite_file
from ops.local.engine.ground import bears_a_log, file_system, is_remote, type_among
from ops.local.engine.sqlite_table import SqliteTable

MOUNTINFO = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=1
40 21 0:44 / /mnt/nas rw,relatime shared:9 - nfs4 nas:/calls rw,vers=4.2
41 40 0:45 / /mnt/nas/local rw,relatime - xfs /dev/sdb1 rw
42 21 0:46 / /mnt/a\\040b rw,relatime shared:9 - fuse.sshfs me@there:/ rw
43 21 0:47 / /mnt/usb rw,relatime - fuseblk /dev/sdc1 rw
44 21 0:48 / /mnt/usb rw,relatime - cifs //nas/share rw
"""

MAC = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//me@nas._smb._tcp.local/calls on /Volumes/calls on nas (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me/calls", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/2026", "nfs4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/nas/local/x", "xfs"),
        ("/mnt/a b/x", "fuse.sshfs"),
        ("/mnt/usb", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_counts_on_linux(folder: str, kind: str) -> None:
    assert type_among(ground._linux_mounts(MOUNTINFO), Path(folder)) == kind


@pytest.mark.parametrize(("folder", "kind"), [("/Users/me", "apfs"), ("/Volumes/calls on nas/x", "smbfs")])
def test_the_innermost_mount_counts_on_a_mac(folder: str, kind: str) -> None:
    assert type_among(ground._mac_mounts(MAC), Path(folder)) == kind


def test_a_network_and_an_unknown_mount_are_remote_and_a_disk_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    remote = {"nfs": True, "cifs": True, "fuse.sshfs": True, "9p": True, "ext4": False, "apfs": False, "": False}
    for kind, expected in remote.items():
        monkeypatch.setattr(ground, "file_system", lambda folder, kind=kind: kind)
        assert is_remote(Path("/x")) is expected


def test_this_machine_says_what_it_has_also_of_a_folder_to_come(tmp_path: Path) -> None:
    assert file_system(tmp_path)
    assert file_system(tmp_path / "a" / "b") == file_system(tmp_path)


def test_a_trial_tells_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert bears_a_log(tmp_path / "to come")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", "print([])", "print([('one',)])"])
def test_where_the_other_process_sees_or_writes_nothing_no_log_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(ground, "_OTHER_PROCESS", program)
    assert not bears_a_log(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_to_be_full_and_not_to_be_without_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = os.statvfs(tmp_path)
    full = SimpleNamespace(f_blocks=as_it_is.f_blocks, f_frsize=4096, f_bavail=10)
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    monkeypatch.setattr(sqlite_file, "bears_a_log", bears_a_log)
    with pytest.raises(OSError, match="No space left"):
        SqliteTable(tmp_path / "ledger.sqlite")
    monkeypatch.undo()
    with SqliteTable(tmp_path / "ledger.sqlite") as table:
        assert table.journal == "wal", "it is made anew when there is room"


def test_a_file_system_that_does_not_tell_its_size_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_blocks=0, f_frsize=4096, f_bavail=0))
    assert bears_a_log(tmp_path)
