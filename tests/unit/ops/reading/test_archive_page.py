"""The page over a real archive, in a folder and on AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient

from functions.archiver.bucket.upload import UNKNOWN
from functions.archiver.clock import Clock
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.object_keys import digest_of
from ops.accesses.recording import log_of
from ops.archive.archive import Archive
from ops.page.app import create_app
from ops.page.archive_view import PIECE_BYTES, ArchiveView
from ops.page.guard import FORM_TOKEN
from ops.page.refreshing import Refresher
from ops.page.texts import in_path
from ops.shell.output import ExitCode, Failure
from ops.shell.program import main
from tests.harness.reading import AUDIO, archived, found

LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
FORM = "a form's token"
ONE = digest_of("acme", "one")

Opened = Callable[..., FlaskClient]


@pytest.fixture
def opened(archive: Archive, tmp_path: Path) -> Opened:
    """A client of the page over what the archive holds by now."""

    def open_page(**options: bool) -> FlaskClient:
        refresher = Refresher(archive)
        refresher.refresh_once()
        view = ArchiveView(
            archive, zone=archive.zone, refresher=refresher, writable=lambda: archive, downloads=tmp_path
        )
        client = create_app(view, lambda: "anna@laptop", **options).test_client()
        client.environ_base[FORM_TOKEN] = FORM
        return client

    return open_page


def records(archive: Archive) -> list[tuple[str, str, str, str]]:
    today = datetime.now(UTC).date()
    found_ = log_of(archive).read(today - timedelta(days=1), today).accesses
    return [(each.who, each.what, each.recording, each.reason) for each in found_]


def test_a_call_is_found_opened_heard_and_recorded(archive: Archive, opened: Opened) -> None:
    archived(archive, "one")
    client = opened()
    html = client.get("/?q=07700900123").text
    assert "/r/acme/one" in html
    assert "27 Nov 2026, 13:00:03" in html
    assert 'role="status">1 recording ' in html
    assert "As of " in html
    html = client.get("/r/acme/one").text
    for words in ("found", "archived", "with this SHA-256, not compared since, day not sealed yet"):
        assert words in html
    piece = client.get("/media/acme/one", headers={"Range": "bytes=4-99"})
    assert (piece.status_code, piece.data) == (206, AUDIO[4:100])
    assert piece.headers["Content-Range"] == f"bytes 4-99/{len(AUDIO)}"
    whole = client.get("/download/acme/one")
    assert (whole.data, whole.headers["Content-Length"]) == (AUDIO, str(len(AUDIO)))
    assert records(archive) == [
        ("anna@laptop", "view", ONE, ""),
        ("anna@laptop", "listen", ONE, ""),
        ("anna@laptop", "download", ONE, ""),
    ]
    assert client.get("/accesses").text.count("<code>one</code>") == 3


def test_a_case_is_exported_from_the_page_under_a_name_of_its_own(
    archive: Archive, opened: Opened, tmp_path: Path
) -> None:
    archived(archive, "one")
    client = opened()
    client.post("/case", data={"form_token": FORM, "do": "add", "source": "acme", "id": "one"})
    for name in ("Doe-v.-Roe.zip", "Doe-v.-Roe-1.zip"):
        answer = client.post(
            "/case", data={"form_token": FORM, "do": "export", "case": "Doe v. Roe", "reason": "court"}
        )
        assert f"1 exported to {tmp_path / name}" in client.get(answer.headers["Location"]).text
        with ZipFile(tmp_path / name) as exported:
            (audio,) = [each for each in exported.namelist() if each.startswith("recordings/")]
            assert exported.read(audio) == AUDIO
    assert [what for _, what, recording, _ in records(archive) if recording == ONE] == ["export", "export"]


@LOCAL
def test_bytes_come_in_small_pieces(archive: Archive, opened: Opened) -> None:
    audio = AUDIO + bytes(3 * PIECE_BYTES)
    archived(archive, "long", audio=audio)
    answer = opened().get("/download/acme/long", buffered=False)
    pieces = list(answer.iter_encoded())
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert b"".join(pieces) == audio


@LOCAL
def test_without_an_access_record_nothing_is_played(archive: Archive, opened: Opened, tmp_path: Path) -> None:
    archived(archive, "one")
    (tmp_path / "archive" / "accesses.jsonl").mkdir()
    client = opened()
    for path in ("/media/acme/one", "/download/acme/one"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert AUDIO[:12] not in answer.data
    html = client.get("/r/acme/one").text
    assert "could not be written down" in html
    assert "<audio" not in html


@LOCAL
def test_every_state_has_its_page(archive: Archive, opened: Opened) -> None:
    archived(archive, "altered", call_id=None)
    archived(archive, "strange", kind=UNKNOWN, audio=b"PK\x03\x04 and more", call_id=None)
    found(archive, "waiting", call_id=None)
    found(archive, "failed", call_id=None)
    ledger = archive.ledger("acme")
    Integrity(archive.table, source="acme", clock=Clock()).mark_altered("altered", "it has other bytes")
    ticket = found(archive, "gone", call_id=None)
    ledger.mark_gone(ticket, "deleted at the provider")
    client = opened()
    assert "These bytes are not the ones that were archived" in client.get("/r/acme/altered").text
    assert "Deleted at the provider." in client.get("/r/acme/gone").text
    strange = client.get("/r/acme/strange").text
    assert "It is never played here" in strange
    assert "<audio" not in strange
    assert client.get("/download/acme/strange").data == b"PK\x03\x04 and more"
    assert "being fetched" in client.get("/r/acme/waiting").text
    assert client.get("/media/acme/waiting").status_code == 404


def test_what_failed_is_tried_again_from_the_page(archive: Archive, opened: Opened) -> None:
    archive.ledger("acme").mark_failed(found(archive, "bad"), "an HTML page")
    client = opened()
    form = {"do": "retry", "form_token": FORM}
    assert client.post("/r/acme/bad", data=form).status_code == 303
    entry = archive.ledger("acme").find("bad")
    assert entry is not None
    assert entry.state == "pending"
    assert client.post("/r/acme/bad", data=form).status_code == 409
    assert opened(read_only=True).post("/r/acme/bad", data=form).status_code == 409


@LOCAL
def test_audio_that_is_not_there_is_said_before_a_byte(archive: Archive, opened: Opened, tmp_path: Path) -> None:
    stored = archived(archive, "one")
    client = opened()
    (tmp_path / "archive" / stored.key).unlink()
    assert client.get("/media/acme/one").status_code == 404


def test_the_days_of_reports_are_shown(archive: Archive, opened: Opened) -> None:
    today = datetime.now(UTC).date()
    key = f"reports/source=acme/date={today}/reconciliation.json"
    day = {
        "date": today.isoformat(),
        "state": "missing",
        "complete": False,
        "listed": 3,
        "ledger": 3,
        "bucket": 2,
        "archived": 2,
        "missing": 1,
        "as_of": f"{today}T00:00:00+00:00",
        "report": key,
        "seal": None,
        "differences": [{"what": "failed", "recording_id": "bad", "state": "failed", "reason": "<b>HTML</b>"}],
    }
    old = {"date": (today - timedelta(days=1)).isoformat(), "listed": 2}
    archive.bucket.put(key, json.dumps({"generated_at": f"{today}T01:00:00+00:00", "days": [day, old]}).encode())
    client = opened()
    html = client.get("/days").text
    assert "3 listed, 2 archived, 1 missing" in html
    html = client.get(f"/day/acme/{today}").text
    assert "/r/acme/bad" in html
    assert "&lt;b&gt;HTML" in html
    assert client.get(f"/day/acme/{date(2020, 1, 1)}").status_code == 404
    assert client.get(f"/day/nothing/{today}").status_code == 404


@LOCAL
def test_trouble_of_a_refresh_is_told_and_what_is_there_is_shown(
    archive: Archive, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(archive, "one")
    opened()

    def in_trouble(archive: Archive) -> None:
        raise Failure(ExitCode.UNAVAILABLE, "the ledger is damaged")

    monkeypatch.setattr("ops.page.refreshing.refresh", in_trouble)
    html = opened().get("/").text
    assert "What is shown may be old: the ledger is damaged" in html
    assert "/r/acme/one" in html


@LOCAL
def test_an_archive_without_a_ledger_has_no_page(archive: Archive, tmp_path: Path) -> None:
    for part in (tmp_path / "archive" / ".archive").glob("ledger.sqlite*"):
        part.unlink()
    assert main(["page", "-a", str(tmp_path / "archive"), "--no-open"]) == 3


@LOCAL
def test_what_is_put_on_hold_is_marked_at_once_and_named_with_its_case(archive: Archive, opened: Opened) -> None:
    archived(archive, "one")
    client = opened()
    form = {"do": "hold", "case": "Smith v. Acme", "reason": "litigation", "form_token": FORM}
    answer = client.post("/r/acme/one", data=form, follow_redirects=True)
    assert "1 recording is on hold for Smith v. Acme." in answer.text
    assert "On hold for Smith v. Acme." in answer.text
    assert "Smith v. Acme" in client.get("/holds").text
    assert "/r/acme/one" in client.get("/?held=1").text
    assert ("anna@laptop", "hold", ONE, "case Smith v. Acme") in records(archive)
    assert client.post("/r/acme/one", data=form | {"case": "\x07"}).status_code == 409


@LOCAL
def test_no_text_of_others_turns_the_direction_of_what_stands_around_it(archive: Archive, opened: Opened) -> None:
    turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    archived(archive, f"one{turning}", agent=f"Anna{turning}", from_number=f"+44{turning}", call_id=f"call{turning}")
    client = opened()
    shown = client.get("/").text + client.get(f"/r/acme/{in_path(f'one{turning}')}").text
    assert not set(turning) & set(re.sub(r'="[^"]*"', "", shown))
    assert "<bdi>Anna\\u202a\\u202b" in shown
