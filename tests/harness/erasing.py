"""What tests of erasures have in common."""

from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.bucket.everything import versions_of
from functions.archiver.object_keys import Place
from ops.archive.archive import Archive
from tests.harness.reading import NOON
from tests.harness.schemas import checked

Captured = pytest.CaptureFixture[str]
ON_AWS = pytest.mark.parametrize("archive", ["deployed"], indirect=True)
BASIS = ("--basis", "gdpr-17", "--ticket", "ABC-12")
ERASE = ("erase", *BASIS)


def place(recording_id: str) -> Place:
    return Place(source="acme", day=NOON.date(), recording_id=recording_id)


def versions(archive: Archive, recording_id: str) -> int:
    return len(list(versions_of(archive.bucket, place(recording_id))))


def answered(capsys: Captured) -> list[dict[str, Any]]:
    return [checked(line) for line in capsys.readouterr().out.splitlines()]
