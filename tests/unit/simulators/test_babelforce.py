"""The manners of babelforce that a client's tests can rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.doubles.plain_http import FORM, SMALL, ask, bearer, is_audio_of


@pytest.fixture
def babelforce() -> Iterator[Babelforce]:
    with Babelforce(recordings=25, **SMALL) as simulator:
        yield simulator


class TestBabelforce:
    def listed(self, simulator: Babelforce, **query: Any) -> Any:
        return ask(f"{simulator.base_url}/api/v2/recordings", "GET", bearer(simulator), **query).json()

    def test_pages_together_hold_every_recording_once(self, babelforce: Babelforce) -> None:
        pages = [self.listed(babelforce, page=page, max=10) for page in (1, 2, 3, 4)]
        ids = [item["id"] for page in pages for item in page["items"]]
        assert sorted(ids) == sorted(babelforce.recordings)
        assert pages[2]["pagination"] == {"pages": 3, "total": 25, "current": 3, "max": 10}
        assert pages[3]["items"] == []

    def test_the_link_needs_no_credentials_and_serves_mp3_under_a_wav_name(self, babelforce: Babelforce) -> None:
        item = self.listed(babelforce)["items"][0]
        got = ask(item["url"])
        assert item["url"].endswith("/stream.wav")
        assert got.headers["content-type"] == "audio/mpeg"
        assert is_audio_of(got, babelforce, item["id"])
        assert item["file"]["size"] == len(got.body)
        assert item["duration"] == len(got.body) // 3
        assert ask(item["url"].replace(babelforce.account_uuid, "0" * 36)).status == 404

    def test_time_filters_are_inclusive_and_can_be_ignored(self, babelforce: Babelforce) -> None:
        rows = babelforce.rows()
        first, last = (int(rows[n].recorded_at.timestamp()) for n in (3, 5))
        query = {"filters.time.start": first, "filters.time.end": last, "filters.state": "stored"}
        assert [item["id"] for item in self.listed(babelforce, **query)["items"]] == [row.id for row in rows[5:2:-1]]
        babelforce.ignore_filters = True
        assert self.listed(babelforce, **query)["pagination"]["total"] == 25

    def test_an_unfinished_recording_lacks_one_state_or_both(self) -> None:
        with Babelforce(recordings=2, unfinished=2, **SMALL) as simulator:
            items = self.listed(simulator)["items"]
            states = {(item["state"], item["file"]["state"]) for item in items}
            simulator.finish(items[0]["id"])
            assert self.listed(simulator)["items"][0]["file"]["state"] == "stored"
        assert states == {("recording", "created"), ("stored", "storing")}
        assert not any(item["url"] for item in items)

    def test_by_id_answers_for_hex_digits_alone(self, babelforce: Babelforce) -> None:
        id_, headers = babelforce.rows()[0].id, bearer(babelforce)
        one = f"{babelforce.base_url}/api/v2/recordings"
        hyphens = "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:]))
        assert ask(f"{one}/{id_}", headers=headers).json()["id"] == id_
        assert ask(f"{one}/{hyphens}", headers=headers).status == 404
        tagged = ask(f"{one}/{id_}", "PUT", headers, b'{"tags": ["kept"]}').json()
        assert tagged["tags"] == ["kept"]
        assert ask(f"{one}/{id_}", "DELETE", headers).json()["id"] == id_
        assert ask(f"{one}/{id_}", headers=headers).status == 404
        other = babelforce.rows()[0].id
        done = ask(f"{one}/bulk/delete", "POST", headers, json.dumps({"ids": [other, id_]}).encode()).json()
        assert [item["success"] for item in done["items"]] == [True, False]

    def test_a_hidden_recording_answers_by_id_alone(self, babelforce: Babelforce) -> None:
        hidden = babelforce.add(hidden=True).id
        assert self.listed(babelforce, max=100)["pagination"]["total"] == 25
        one = f"{babelforce.base_url}/api/v2/recordings/{hidden}"
        assert ask(one, headers=bearer(babelforce)).status == 200

    def test_credentials_are_asked_for_and_expire(self, babelforce: Babelforce) -> None:
        url, headers = f"{babelforce.base_url}/api/v2/recordings", bearer(babelforce)
        wrong = urlencode({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}).encode()
        assert ask(f"{babelforce.base_url}/oauth/token", "POST", FORM, wrong).status == 401
        assert ask(url).status == 401
        assert ask(url, headers=headers).status == 200
        babelforce.expire_tokens()
        assert ask(url, headers=headers).status == 401

    def test_the_older_pair_of_headers_works_where_it_is_configured(self, babelforce: Babelforce) -> None:
        with Babelforce(recordings=1, auth="headers", **SMALL) as simulator:
            pair = dict(zip(("X-Auth-Access-ID", "X-Auth-Access-Token"), simulator.secret.values(), strict=True))
            assert ask(f"{simulator.base_url}/api/v2/recordings", headers=pair).status == 200
        assert ask(f"{babelforce.base_url}/api/v2/recordings", headers=pair).status == 401

    @pytest.mark.parametrize(("kind", "seen"), [("vanish_row", 24), ("new_row", 26), ("repeat_row", 26)])
    def test_rows_move_between_two_pages(self, babelforce: Babelforce, kind: str, seen: int) -> None:
        babelforce.faults.add(Fault(kind, skip=int(kind == "repeat_row")))
        ids = [item["id"] for page in (1, 2, 3) for item in self.listed(babelforce, page=page)["items"]]
        assert len(ids) == seen
        assert (babelforce.recordings.keys() <= set(ids)) == (kind == "repeat_row")

    def test_an_endless_list_never_comes_to_an_empty_page(self, babelforce: Babelforce) -> None:
        babelforce.faults.add(Fault("endless", times=None))
        far = self.listed(babelforce, page=900)
        assert far["items"]
        assert far["pagination"]["pages"] > 900
