"""The manners of Kazoo that a client's tests can rely on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from simulators.providers.kazoo import GREGORIAN, MAX_RANGE, Kazoo
from tests.doubles.plain_http import SMALL, START, ask, is_audio_of


class TestKazoo:
    @pytest.fixture
    def kazoo(self) -> Iterator[Kazoo]:
        with Kazoo(recordings=25, bucket=None, **SMALL) as simulator:
            yield simulator

    def token(self, simulator: Kazoo) -> dict[str, str]:
        body = json.dumps({"data": simulator.secret}).encode()
        got = ask(f"{simulator.base_url}/v2/api_auth", "PUT", body=body)
        assert got.status == 201
        return {"X-Auth-Token": got.json()["auth_token"]}

    def url(self, simulator: Kazoo, *rest: str) -> str:
        return "/".join((f"{simulator.base_url}/v2/accounts/{simulator.account_id}", *rest))

    def window(self) -> dict[str, Any]:
        first = int(START.timestamp()) + GREGORIAN
        return {"created_from": first, "created_to": first + 2 * 86_400}

    def test_a_key_is_exchanged_for_a_token_that_tells_its_end(self, kazoo: Kazoo) -> None:
        claims = self.token(kazoo)["X-Auth-Token"].split(".")[1]
        assert json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"] > 0
        wrong = ask(f"{kazoo.base_url}/v2/api_auth", "PUT", body=b'{"data": {"api_key": "no"}}')
        assert (wrong.status, wrong.json()["message"]) == (404, "bad_identifier")
        assert ask(self.url(kazoo, "recordings")).status == 401

    @pytest.mark.parametrize("order", [{}, {"ascending": "true"}])
    def test_a_cursor_leads_through_all_pages_in_order(self, kazoo: Kazoo, order: dict[str, str]) -> None:
        query: dict[str, Any] = {**self.window(), **order, "page_size": 10}
        rows, headers = [], self.token(kazoo)
        while "start_key" not in query or query["start_key"]:
            page = ask(self.url(kazoo, "recordings"), headers=headers, **query).json()
            rows += page["data"]
            query["start_key"] = page.get("next_start_key", "")
        made = [kazoo.created(kazoo.recordings[row["id"]]) for row in rows]
        assert sorted(row["id"] for row in rows) == sorted(kazoo.recordings)
        assert all((a <= b) if order else (a >= b) for a, b in pairwise(made))

    def test_the_envelope_echoes_the_token(self, kazoo: Kazoo) -> None:
        headers = self.token(kazoo)
        page = ask(self.url(kazoo, "recordings"), headers=headers, **self.window()).json()
        assert page["auth_token"] == headers["X-Auth-Token"]

    def test_a_window_is_limited_and_a_strange_filter_matches_nothing(self, kazoo: Kazoo) -> None:
        url, headers, first = self.url(kazoo, "recordings"), self.token(kazoo), self.window()["created_from"]
        assert ask(url, headers=headers, created_from=first, created_to=first + MAX_RANGE).status == 200
        wide = ask(url, headers=headers, created_from=first, created_to=first + MAX_RANGE + 1)
        assert (wide.status, "date_range" in wide.json()["data"]["created_from"]) == (400, True)
        assert ask(url, headers=headers, created_from="yesterday").json()["data"] == []

    @pytest.mark.parametrize("query", [{"page_size": "many"}, {"page_size": 0}, {"start_key": "no key"}])
    def test_a_page_that_cannot_be_read_is_an_error(self, kazoo: Kazoo, query: dict[str, Any]) -> None:
        url, headers = self.url(kazoo, "recordings"), self.token(kazoo)
        assert ask(url, headers=headers, **self.window(), **query).status == 400

    def test_users_have_their_own_lists(self, kazoo: Kazoo) -> None:
        owned = [
            ask(self.url(kazoo, "users", user, "recordings"), headers=self.token(kazoo), **self.window()).json()["data"]
            for user in kazoo.users
        ]
        assert [len(rows) for rows in owned] == [9, 8]
        assert {row["owner_id"] for row in owned[0]} == {kazoo.users[0]}

    @pytest.mark.parametrize(
        ("accept", "query", "kind"),
        [
            ("audio/mpeg", {}, "audio"),
            ("*/*", {}, "application/json"),
            ("audio/mpeg, */*", {}, "application/json"),
            ("application/json", {"accept": "audio/mpeg"}, "audio"),
            ("audio/mpeg", {"accept": "application/json"}, "application/json"),
        ],
    )
    def test_the_same_url_gives_json_or_audio(
        self, kazoo: Kazoo, accept: str, query: dict[str, Any], kind: str
    ) -> None:
        wav = next(row.id for row in kazoo.rows() if row.extension == "wav")
        got = ask(self.url(kazoo, "recordings", wav), headers={**self.token(kazoo), "Accept": accept}, **query)
        assert got.headers["content-type"].startswith(kind)
        assert is_audio_of(got, kazoo, wav) == (kind == "audio")

    def test_audio_that_is_not_there_yet_looks_like_a_recording_that_is_not(self, kazoo: Kazoo) -> None:
        url, headers = self.url(kazoo, "recordings", kazoo.add(state="unfinished").id), self.token(kazoo)
        assert ask(url, headers=headers).json()["data"]["_read_only"] == {"content_types": []}
        got = ask(url, headers={**headers, "Accept": "audio/mpeg"})
        assert (got.status, got.json()["message"]) == (404, "bad_identifier")

    def test_the_bucket_runs_dry_without_a_retry_after(self) -> None:
        with Kazoo(recordings=1, bucket=(3, 0.001), **SMALL) as simulator:
            answers = [ask(f"{simulator.base_url}/v2/api_auth", "PUT", body=b"{}") for _ in range(4)]
        assert [answer.status for answer in answers] == [404, 404, 404, 429]
        assert "retry-after" not in answers[3].headers

    def test_only_version_5_changes_metadata(self, kazoo: Kazoo) -> None:
        url, headers = self.url(kazoo, "recordings", kazoo.rows()[0].id), self.token(kazoo)
        for key in "ab":
            got = ask(url, "PATCH", headers, json.dumps({"data": {"user_metadata": {key: 1}}}).encode())
        assert got.json()["data"]["user_metadata"] == {"a": 1, "b": 1}
        assert ask(url, "PATCH", headers, b'{"data": {"name": "x"}}').status == 400
        kazoo.version = 4
        assert ask(url, "PATCH", headers, b'{"data": {"user_metadata": {}}}').status == 405

    def test_a_deleted_recording_is_not_found(self, kazoo: Kazoo) -> None:
        url, headers = self.url(kazoo, "recordings", kazoo.rows()[0].id), self.token(kazoo)
        assert ask(url, "DELETE", headers).json()["data"]["_read_only"]["deleted"]
        assert [ask(url, method, headers).status for method in ("GET", "DELETE")] == [404, 404]

    def test_webhooks_are_made_listed_and_enabled(self, kazoo: Kazoo) -> None:
        url, headers = self.url(kazoo, "webhooks"), self.token(kazoo)
        made = ask(url, "PUT", headers, b'{"data": {"name": "recordings", "hook": "object"}}').json()["data"]
        kazoo.disable_webhooks()
        [listed] = ask(url, headers=headers).json()["data"]
        assert (listed["id"], listed["enabled"]) == (made["id"], False)
        enabled = ask(f"{url}/{made['id']}", "PATCH", headers, b'{"data": {"enabled": true}}').json()["data"]
        assert enabled["enabled"]
