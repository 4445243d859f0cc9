"""The story of an item is short, whatever happens to it, and an archived item stays small."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.entry import Stored
from functions.archiver.ledger.story import LEFT_OUT, MAX_BYTES, MAX_EVENTS, Code, Event, event, with_event
from functions.archiver.recording import Recording
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.ledger import ledger_of, present, queued

CODES: list[Code] = ["found", "tried", "archived", "gone", "failed", "retried"]


@given(st.lists(st.tuples(st.integers(0, 2**31), st.sampled_from(CODES), st.text(max_size=80)), max_size=60))
def test_a_story_keeps_its_beginning_and_its_end_and_counts_the_rest(told: list[tuple[int, Code, str]]) -> None:
    story: list[Event] = []
    events = [event(seconds, code, detail) for seconds, code, detail in told]
    for each in events:
        story = with_event(story, each)
    left_out = sum(int(detail) for _, code, detail in story if code == LEFT_OUT)
    kept = [each for each in story if each[1] != LEFT_OUT]
    assert kept[:2] == events[:2]
    assert kept[-1:] == events[-1:]
    assert len(kept) + left_out == len(events)
    if len(kept) > 3:
        assert len(story) <= MAX_EVENTS
        assert len(json.dumps(story, ensure_ascii=False).encode()) <= MAX_BYTES


def wire_size(value: Any) -> int:
    """What an attribute's value takes in DynamoDB, as its documentation counts."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, list):
        return 3 + sum(1 + wire_size(each) for each in value)
    if isinstance(value, dict):
        return 3 + sum(1 + len(name.encode()) + wire_size(each) for name, each in value.items())
    return len(str(value)) // 2 + 2


def test_an_ordinary_archived_item_stays_below_one_kilobyte(aws: Aws, clock: FakeClock) -> None:
    id_ = "0190a6c2-7f3e-7bd1-9a55-3c1d2e4f5a6b"
    found = Recording(
        id=id_,
        call_id="0190a6c2-7f3e-7bd1-9a55-000000000000",
        recorded_at=datetime(2026, 3, 3, 23, 30, tzinfo=UTC),
        recorded_at_raw="1772580600",
        duration_seconds=184.25,
        direction="inbound",
        from_number="+4915112345678",
        to_number="+4930123456789",
        agent="Ada Lovelace",
        size_bytes=2_948_044,
        content_type="audio/wav",
        link=f"https://acme.babelforce.com/api/v2/recordings/{id_}/file",
        raw={"id": id_},
    )
    stored = Stored(
        key=f"audio/source=acme-uk/date=2026-03-03/{id_}.wav",
        version_id="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
        size_bytes=2_948_044,
        sha256="ab" * 32,
        content_type="audio/wav",
        crc32="AAAAAA==",
        codec="pcm_s16le",
        channels=2,
    )
    ledger = ledger_of(aws, clock, source="acme-uk")
    ticket = queued(ledger, found)
    ledger.mark_archived(ticket, stored, story=ledger.entry(ticket).story)
    item = present(aws.item(f"acme-uk#recording#{id_}"))
    assert [code for _, code, _ in item["story"]] == ["found", "archived"]
    assert sum(len(name) + wire_size(value) for name, value in item.items()) < 1024
