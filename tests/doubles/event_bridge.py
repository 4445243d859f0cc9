"""EventBridge as an HTTP server: it takes entries, or refuses some of them for a while as it does under load."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.doubles.http_server import HttpServer, Reply, Seen

AT_ONCE = 10


class EventBridge:
    """`refuses` says for a recording's id how often its entries are not taken before they are."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.refuses: Callable[[str], int] = lambda id_: 0
        self.taken: list[dict[str, Any]] = []
        self.tries: Counter[str] = Counter()
        server.on("/", self.answer)

    def answer(self, seen: Seen) -> Reply:
        assert seen.headers["x-amz-target"] == "AWSEvents.PutEvents"
        entries = json.loads(seen.body)["Entries"]
        assert 0 < len(entries) <= AT_ONCE
        found = [self._entry(each) for each in entries]
        failed = sum("ErrorCode" in each for each in found)
        body = json.dumps({"FailedEntryCount": failed, "Entries": found}).encode()
        return Reply(body=body, headers={"content-type": "application/x-amz-json-1.1"})

    def _entry(self, entry: dict[str, Any]) -> dict[str, str]:
        id_ = str(json.loads(entry["Detail"])["recording_id"])
        self.tries[id_] += 1
        if self.tries[id_] <= self.refuses(id_):
            return {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        self.taken.append(entry)
        return {"EventId": "x"}

    def details(self) -> list[dict[str, Any]]:
        return [json.loads(entry["Detail"]) for entry in self.taken]


@contextmanager
def event_bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventBridge]:
    """Every client of EventBridge talks to this one; nobody waits between two tries."""
    with HttpServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", server.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield EventBridge(server)
