"""The page in a real browser over a real archive in a folder: found, heard, held, downloaded, and recorded."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import expect

from ops.accesses.local import LocalLog
from ops.archive.folder import FolderArchive
from ops.page.archive_view import ArchiveView
from ops.page.refreshing import Refresher
from tests.browser.conftest import Opens, tone, until
from tests.harness.reading import a_folder, archived

AUDIO = tone(40)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderArchive:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = a_folder(tmp_path / "archive", "acme-uk")
    archived(archive, "heard", audio=AUDIO, source="acme-uk", from_number="+44 161 496 0404")
    gsm = AUDIO[:20] + b"\x31\x00" + AUDIO[22:]
    archived(archive, "gsm", audio=gsm, source="acme-uk", codec="gsm 6.10", from_number="+44 161 496 0999")
    return archive


@pytest.fixture
def view(archive: FolderArchive) -> ArchiveView:
    refresher = Refresher(archive)
    refresher.refresh_once()
    return ArchiveView(archive, zone=archive.zone, refresher=refresher, writable=lambda: archive)


def recorded(archive: FolderArchive) -> list[tuple[str, str | None]]:
    today = datetime.now(UTC).date()
    return [(each.what, each.recording_id) for each in LocalLog(archive.root).read(date(2026, 1, 1), today).accesses]


def test_a_call_is_found_heard_and_held_by_keys_alone(opened: Opens, archive: FolderArchive) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("0044(0)161-4960404")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 recording")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_text("with this SHA-256")).to_be_visible()
    page.keyboard.press(" ")
    until(page, "document.querySelector('audio').currentTime > 0.2")
    page.keyboard.press("Shift+ArrowRight")
    until(page, "document.querySelector('audio').currentTime > 30")
    page.keyboard.press("h")
    page.keyboard.type("Smith v. Acme")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 recording is on hold for Smith v. Acme.")
    assert [what for what, _ in recorded(archive)][:3] == ["view", "listen", "hold"]


def test_what_a_browser_cannot_play_is_said_and_its_original_downloads_unaltered(
    opened: Opens, archive: FolderArchive, tmp_path: Path
) -> None:
    page = opened(accept_downloads=True)
    page.goto("/r/acme-uk/gsm")
    expect(page.get_by_text("No browser plays GSM 6.10")).to_be_visible()
    assert page.locator("audio").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the original").click()
    download.value.save_as(tmp_path / "gsm.wav")
    entry = archive.ledger("acme-uk").find("gsm")
    assert entry is not None
    assert entry.stored is not None
    assert hashlib.sha256((tmp_path / "gsm.wav").read_bytes()).hexdigest() == entry.stored.sha256
    assert ("download", "gsm") in recorded(archive)


def test_axe_finds_nothing_over_a_real_archive(opened: Opens) -> None:
    page = opened(bypass_csp=True)
    for address in ("/", "/r/acme-uk/heard", "/days", "/accesses", "/holds"):
        page.goto(address)
        assert Axe().run(page)["violations"] == [], address
