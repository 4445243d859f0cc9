"""The manners of DialogTech that a client's tests can rely on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from simulators.providers.dialogtech import DialogTech
from tests.doubles.plain_http import FORM, SMALL, Got, ask, is_audio_of


class TestDialogTech:
    @pytest.fixture
    def dialogtech(self) -> Iterator[DialogTech]:
        with DialogTech(recordings=12, timezone="America/Chicago", **SMALL) as simulator:
            yield simulator

    def ask(self, simulator: DialogTech, action: str, **query: Any) -> Got:
        query |= simulator.secret
        return ask(f"{simulator.base_url}/ibp_api.php", action=action, **query)

    def failure(self, got: Got) -> tuple[int, str | None]:
        root = ElementTree.fromstring(got.body)
        assert root.findtext("result") == "failed"
        return got.status, root.findtext("result_description")

    def test_lists_and_report_together_hold_every_recording(self, dialogtech: DialogTech) -> None:
        lists = [ElementTree.fromstring(self.ask(dialogtech, "recording.list", **one).body) for one in dialogtech.lists]
        listed = [sid.text for root in lists for sid in root.iter("sid")]
        wanted = {"start_date": "20260228", "end_date": "20260303", "sid": 1, "date_added": 1, "enhanced_minutes": 1}
        report = ElementTree.fromstring(self.ask(dialogtech, "report.call_detail", **wanted).body)
        recorded = [call.findtext("sid") for call in report.iter("call") if call.findtext("enhanced_minutes") != "0.0"]
        assert set(listed) < set(recorded)
        assert sorted(map(str, recorded)) == sorted(dialogtech.recordings)
        assert {len(sid) for sid in dialogtech.recordings} == {15, 16}
        assert all(sid.startswith("0") for sid in dialogtech.recordings)

    def test_dates_are_in_the_accounts_zone(self, dialogtech: DialogTech) -> None:
        rows = ElementTree.fromstring(self.ask(dialogtech, "recording.list", **dialogtech.lists[0]).body)
        row = next(rows.iter("recording"))
        local = dt.datetime.fromisoformat(row.findtext("date") or "")
        recorded_at = dialogtech.recordings[row.findtext("sid") or ""].recorded_at
        assert local.replace(tzinfo=dt.UTC) == recorded_at - dt.timedelta(hours=6)

    def test_audio_comes_in_the_format_asked_for(self, dialogtech: DialogTech) -> None:
        sid = dialogtech.rows()[0].id
        assert is_audio_of(self.ask(dialogtech, "recording.download", sid=sid), dialogtech, sid)
        mp3 = self.ask(dialogtech, "recording.download", sid=sid, format="mp3", sample_rate=44100)
        assert mp3.headers["content-type"] == "audio/mpeg"
        assert mp3.body.startswith(b"\xff\xf3")

    def test_each_failure_has_its_own_status_and_description(self, dialogtech: DialogTech) -> None:
        unfinished, failed = (dialogtech.add(state=state).id for state in ("unfinished", "failed"))
        download = "recording.download"
        processing = "The requested recording is currently being processed by the system. Please check back later."
        assert self.failure(self.ask(dialogtech, download, sid=unfinished)) == (202, processing)
        assert self.failure(self.ask(dialogtech, download, sid="1")) == (404, "File not found")
        assert self.failure(self.ask(dialogtech, download, sid=failed)) == (404, "Error in retrieving recording")
        assert self.failure(self.ask(dialogtech, download)) == (400, "Parameter sid is required")
        assert self.failure(self.ask(dialogtech, "recording.list", id=1)) == (400, "Parameter type is required")
        assert self.failure(self.ask(dialogtech, "recording.list", type="queue")) == (400, "Parameter id is required")
        empty = self.ask(dialogtech, "recording.list", type="survey", id=1)
        assert self.failure(empty) == (404, "No results returned")
        stranger = ask(f"{dialogtech.base_url}/ibp_api.php", action=download, sid=unfinished, access_key="no")
        assert self.failure(stranger) == (401, "Invalid api_key")
        dialogtech.failures_with_200 = True
        assert self.failure(self.ask(dialogtech, download, sid="1")) == (200, "File not found")

    def test_removing_can_be_put_off(self, dialogtech: DialogTech) -> None:
        sid = dialogtech.rows()[0].id
        assert self.ask(dialogtech, "recording.remove", sid=sid, delete_now=0).status == 200
        assert self.ask(dialogtech, "recording.download", sid=sid).status == 200
        form = urlencode({"action": "recording.remove", "sid": sid, "delete_now": 1, **dialogtech.secret}).encode()
        assert ask(f"{dialogtech.base_url}/ibp_api.php", "POST", FORM, form).status == 200
        assert self.failure(self.ask(dialogtech, "recording.download", sid=sid)) == (404, "File not found")
