"""The manners of TeleSign that a client's tests can rely on."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from simulators.providers.telesign import TeleSign
from tests.doubles.plain_http import SMALL, Got, ask, is_audio_of


def basic(simulator: TeleSign) -> dict[str, str]:
    pair = ":".join((simulator.secret["customer_id"], simulator.secret["api_key"]))
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class TestTeleSign:
    DATES: ClassVar[dict[str, Any]] = {"start_date_time": "2026-03-01T00:00:00", "end_date_time": "2026-03-03T00:00:00"}

    @pytest.fixture
    def telesign(self) -> Iterator[TeleSign]:
        with TeleSign(recordings=25, transcript_lookups=2, **SMALL) as simulator:
            yield simulator

    def listed(self, simulator: TeleSign, **query: Any) -> Got:
        return ask(f"{simulator.base_url}/v2/call_recording", "GET", basic(simulator), **query)

    def of_call(self, simulator: TeleSign, call_id: str, method: str = "GET") -> Got:
        return ask(f"{simulator.base_url}/v2/call_recording/{call_id}", method, basic(simulator))

    def test_a_token_alone_leads_through_all_pages(self, telesign: TeleSign) -> None:
        page, names = self.listed(telesign, **self.DATES, pagesize=10).json(), []
        for _ in range(3):
            names += [row["file_name"] for row in page["call_recordings"]]
            assert not any("url" in row for row in page["call_recordings"])
            page = self.listed(telesign, token=page["token"]).json() if page["token"] else page
        assert sorted(names) == sorted(telesign.recordings)
        assert page["token"] is None

    def test_a_list_takes_both_dates_without_a_zone_or_a_token_without_dates(self, telesign: TeleSign) -> None:
        token = self.listed(telesign, **self.DATES, pagesize=10).json()["token"]
        assert self.listed(telesign, **self.DATES, token=token).status == 400
        assert self.listed(telesign, start_date_time=self.DATES["start_date_time"]).status == 400
        assert self.listed(telesign, **{**self.DATES, "end_date_time": "2026-03-03T00:00:00Z"}).status == 400
        assert self.listed(telesign, **self.DATES, pagesize=101).status == 400
        telesign.expire_cursors()
        refused = self.listed(telesign, token=token)
        assert (refused.status, refused.json()["errors"][0]["code"]) == (400, -10001)

    def test_both_dates_are_inclusive(self, telesign: TeleSign) -> None:
        moment = telesign.rows()[4].recorded_at.strftime("%Y-%m-%dT%H:%M:%S")
        rows = self.listed(telesign, start_date_time=moment, end_date_time=moment).json()["call_recordings"]
        assert [row["file_name"] for row in rows] == [telesign.rows()[4].id]

    def test_a_call_has_several_files_behind_signed_links_elsewhere(self, telesign: TeleSign) -> None:
        call_id = telesign.rows()[0].call_id
        rows = self.of_call(telesign, call_id).json()
        assert len(rows) == 3
        for row in rows:
            assert row["url"].startswith(f"{telesign.other_url}/")
            assert is_audio_of(ask(row["url"]), telesign, row["file_name"])
        assert ask(rows[0]["url"].replace("Signature=", "Signature=x")).status == 403
        assert ask(rows[0]["url"].replace("Expires=", "Expires=9")).status == 403
        assert self.of_call(telesign, "0" * 32).status == 404

    def test_a_signed_link_expires(self) -> None:
        with TeleSign(recordings=1, link_seconds=-5, **SMALL) as simulator:
            [row] = self.of_call(simulator, simulator.rows()[0].call_id).json()
            assert ask(row["url"]).status == 403

    def test_a_transcript_is_completed_later(self, telesign: TeleSign) -> None:
        recording = telesign.rows()[5]
        first, second = (self.of_call(telesign, recording.call_id).json()[0]["transcribe"] for _ in range(2))
        assert "result" not in first["transcription"][0]
        assert second["transcription"][0] == {"status": "completed", "result": telesign.spoken(recording)}

    def test_what_is_being_recorded_has_no_file_name(self) -> None:
        with TeleSign(recordings=1, unfinished=1, **SMALL) as simulator:
            [row] = self.listed(simulator, **self.DATES).json()["call_recordings"]
            assert row.keys() == {"reference_id", "status", "date"}
            assert row["status"] == "recording"

    def test_deleting_a_call_says_with_503_what_it_left(self, telesign: TeleSign) -> None:
        files = sorted(row.id for row in telesign.rows()[:3])
        telesign.undeletable = files[:1]
        partly = self.of_call(telesign, telesign.rows()[0].call_id, "DELETE")
        assert partly.status == 503
        assert (partly.json()["failed_delete"], sorted(partly.json()["succeed_delete"])) == (files[:1], files[1:])
        assert self.of_call(telesign, telesign.rows()[5].call_id, "DELETE").status == 204
        assert self.of_call(telesign, telesign.rows()[5].call_id).json()[0]["status"] == "deleted"

    def test_wrong_credentials_are_refused_with_a_code(self, telesign: TeleSign) -> None:
        got = ask(f"{telesign.base_url}/v2/call_recording", headers={"Authorization": "Basic eDp5"}, **self.DATES)
        assert (got.status, got.json()["status"]["code"]) == (401, -30006)
