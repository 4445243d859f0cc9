"""The handler: every event is sent, what the bus does not take comes again, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import events
from functions.archiver import runtime
from functions.archiver.events.event import Detail, Event, Type, event_id
from functions.archiver.events.sending import send
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.environment import ArchiveSettings
from tests.doubles.aws import REGION
from tests.doubles.event_bridge import EventBridge, event_bridge
from tests.doubles.http_server import Reply
from tests.doubles.stream import Record, a_record
from tests.harness.events import checked

BUCKET = "bucket"
ARCHIVED = {
    "kind": "recording",
    "state": "archived",
    "source": "acme",
    "found_at": "2026-03-03T10:00:00+00:00",
    "archived_at": "2026-03-03T10:00:00+00:00",
    "sha256": "ab" * 32,
    "bytes": 9,
}


def records(count: int) -> list[Record]:
    """As many recordings that were archived just now."""
    made = []
    for number in range(count):
        item = {**ARCHIVED, "pk": f"acme#recording#{number}", "recording_id": str(number)}
        made.append(a_record({**item, "state": "queued"}, item, number + 1))
    return made


def invoke(*given: Record) -> list[str]:
    """The sequence numbers that the handler wants to see again."""
    context: Any = None
    answer: Any = events.handler({"Records": list(given)}, context)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.fixture(autouse=True)
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment that the template gives it, in a fresh process."""
    settings = ArchiveSettings(bucket=BUCKET, archive=Archive(name="recordings", events=True))
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    runtime.announcer.cache_clear()
    yield
    runtime.announcer.cache_clear()


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventBridge]:
    with event_bridge(monkeypatch) as made:
        yield made


def ids(bridge: EventBridge) -> list[str]:
    return [detail["recording_id"] for detail in bridge.details()]


def test_every_event_is_sent_in_the_published_form_from_the_archives_own_source(bridge: EventBridge) -> None:
    assert invoke(*records(12)) == []
    for entry in bridge.taken:
        moment = datetime.fromtimestamp(entry["Time"], UTC).isoformat()
        detail = json.loads(entry["Detail"])
        checked({"source": entry["Source"], "detail-type": entry["DetailType"], "time": moment, "detail": detail})
        assert moment == "2026-03-03T10:00:00+00:00"
    assert {entry["Source"] for entry in bridge.taken} == {"recordings.recordings"}
    assert ids(bridge) == [str(number) for number in range(12)]


def test_only_the_entries_that_were_not_taken_are_sent_again(bridge: EventBridge) -> None:
    bridge.refuses = lambda id_: 2 if id_ in ("3", "11") else 0
    assert invoke(*records(15)) == []
    assert sorted(ids(bridge), key=int) == [str(number) for number in range(15)]
    assert bridge.tries.total() == 15 + 2 * 2


def test_what_is_never_taken_comes_again_with_its_record_and_the_rest_has_gone(bridge: EventBridge) -> None:
    bridge.refuses = lambda id_: 99 if id_ == "3" else 0
    given = records(5)
    assert invoke(*given) == [given[3]["dynamodb"]["SequenceNumber"]]
    assert ids(bridge) == ["0", "1", "2", "4"]


def test_a_bus_that_does_not_answer_has_every_record_come_again(
    bridge: EventBridge, capsys: pytest.CaptureFixture[str]
) -> None:
    bridge.server.on("/", Reply(status=500))
    given = records(2)
    assert invoke(*given) == [each["dynamodb"]["SequenceNumber"] for each in given]
    (metric,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "EventsUnsent" in line)
    assert (metric["EventsUnsent"], metric["archive"], metric["source"]) == ([2.0], "recordings", "all sources")


def test_a_batch_that_comes_twice_sends_the_same_ids_twice(bridge: EventBridge) -> None:
    given = records(3)
    invoke(*given)
    invoke(*given)
    sent = [detail["id"] for detail in bridge.details()]
    assert sent[:3] == sent[3:]
    assert len(set(sent)) == 3


def test_a_record_that_nobody_understands_comes_again_alone(bridge: EventBridge) -> None:
    good, bad = records(2)
    bad["dynamodb"]["NewImage"]["archived_at"] = {"S": "yesterday"}
    assert invoke(good, bad) == [bad["dynamodb"]["SequenceNumber"]]
    assert ids(bridge) == ["0"]


def test_a_batch_without_an_event_asks_nothing(bridge: EventBridge) -> None:
    pace = a_record({"pk": "acme#pace"}, {"pk": "acme#pace", "tat": 1}, 1)
    assert invoke(pace) == []
    assert bridge.server.requests == []


class Scripted:
    """A bus that takes what its script says, entry by entry, then everything."""

    def __init__(self, script: list[bool]) -> None:
        self._script = chain(script, repeat(True))
        self.taken: list[str] = []

    def put(self, events: list[Event]) -> list[str | None]:
        codes: list[str | None] = []
        for event in events:
            takes = next(self._script)
            codes.append(None if takes else "InternalFailure")
            self.taken += [event.detail.id] if takes else []
        return codes


@given(count=st.integers(0, 35), script=st.lists(st.booleans(), max_size=120))
def test_each_event_is_taken_once_or_named_as_not_taken(count: int, script: list[bool]) -> None:
    bus: Any = Scripted(script)
    made = [
        Event(
            type=Type.ARCHIVED,
            at=datetime(2026, 3, 3, tzinfo=UTC),
            detail=Detail(id=event_id("acme", str(number), "archived"), source="acme"),
        )
        for number in range(count)
    ]
    left = send(bus, made, sleep=lambda seconds: None)
    assert sorted([*bus.taken, *(event.detail.id for event, _ in left)]) == sorted(event.detail.id for event in made)
