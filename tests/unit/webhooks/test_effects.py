"""What an accepted event changes in the ledger and the lanes, and what is logged and counted of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from functions.archiver.entry import State
from functions.archiver.errors import Unavailable
from functions.archiver.recording import Readiness, Recording
from functions.archiver.throttling.lanes import read
from functions.archiver.webhooks import MAX_BYTES
from tests.doubles.clock import NOON
from tests.harness.webhooks import API_KEY, HOOK, ID, Event, Hook, event, every, kazoo_event, kazoo_signed, ready

# the ledger


@ready
@pytest.mark.parametrize("state", State)
def test_of_a_recording_that_is_known_an_event_changes_nothing(hook: Hook, name: str, state: State) -> None:
    hooked = hook(name)
    hooked.know(state)
    before = hooked.aws.items()
    assert hooked.take() == 200
    assert hooked.aws.items() == before
    assert hooked.aws.messages() == []


@ready
def test_an_unfinished_recording_that_is_said_to_be_ready_goes_into_its_lane_with_its_facts(
    hook: Hook, name: str
) -> None:
    hooked = hook(name)
    found = Recording(
        id=ID, readiness=Readiness.NOT_READY, recorded_at=NOON - timedelta(days=3), agent="Ada", raw={"a": 1}
    )
    hooked.runtime.ledger.insert(found, "schedule")
    assert hooked.take() == 200
    (message,) = hooked.aws.messages()
    entry = hooked.runtime.ledger.entry(read(message).ticket)
    assert (entry.recording.agent, entry.recording.raw, entry.described) == ("Ada", {"a": 1}, True)
    assert (entry.day, entry.discovered_by) == ((NOON - timedelta(days=3)).date(), "schedule")
    assert entry.unfinished_since is None


@ready
def test_events_take_a_quarter_of_what_may_be_in_flight_and_the_rest_of_them_waits(hook: Hook, name: str) -> None:
    hooked = hook(name, requests_per_minute=4)  # 8 may be in flight
    for number in range(5):
        assert hooked.take(f"{number}-{ID}") == 200
    assert len(hooked.aws.items()) == 5
    assert len(hooked.aws.messages()) == hooked.runtime.ledger.due.in_flight() == 2
    assert hooked.runtime.ledger.due.next_at() == NOON


@ready
def test_while_the_source_cools_down_an_event_waits_in_the_ledger(hook: Hook, name: str) -> None:
    hooked = hook(name)
    hooked.runtime.ledger.insert(Recording(id=ID, readiness=Readiness.NOT_READY), "schedule")
    hooked.runtime.pace.cool_down(Unavailable("503"))
    assert [hooked.take(), hooked.take("another")] == [200, 200]
    assert hooked.aws.messages() == []
    assert {item["due_at"] for pk, item in hooked.aws.items().items() if "due_at" in item} == {NOON.timestamp() * 1000}


def test_what_an_event_named_is_described_before_it_is_filed(hook: Hook) -> None:
    hooked = hook("babelforce")
    hooked.take()
    (message,) = hooked.aws.messages()
    ticket = read(message).ticket
    assert not hooked.runtime.ledger.entry(ticket).described
    recorded = NOON - timedelta(days=3)
    hooked.runtime.ledger.describe(ticket, Recording(id=ID, recorded_at=recorded, raw={"id": ID}))
    entry = hooked.runtime.ledger.entry(ticket)
    assert (entry.described, entry.day) == (True, recorded.date())


@every
def test_a_listing_that_finds_what_an_event_named_adds_nothing(hook: Hook, name: str) -> None:
    hooked = hook(name)
    if hooked.sender.calls:
        return  # a call is no recording, and its look-up finds what a listing would
    hooked.take()
    before = hooked.aws.items()
    listed = Recording(id=ID, recorded_at=NOON - timedelta(days=3), raw={"id": ID})
    taken = hooked.runtime.intake.take([listed], "schedule")
    assert (taken.new, taken.queued) == ((), 0)
    (item,) = hooked.aws.items().values()
    # Not described yet: its day is filed only once the provider was asked about it.
    assert (item["day"], item.get("described")) == (f"acme#{NOON.date()}", False)
    assert item.get("unfinished_since") is None or item == next(iter(before.values()))


# what is told


@every
def test_no_secret_body_or_path_is_in_any_log_line(hook: Hook, name: str) -> None:
    hooked = hook(name)
    marked = hooked.sender.send(ID, HOOK)
    marked["headers"]["x-marked"] = "in-the-header"
    marked["rawPath"] += "/in-the-path"
    marked["queryStringParameters"] = {**marked.get("queryStringParameters", {}), "marked": "in-the-query"}
    guessed = hooked.sender.send(ID, "confidential-guess")
    broken = event(b'{"in-the-body": ', {"x-webhook-secret": HOOK})
    unsupported = {**marked, "headers": {**marked["headers"], "content-type": "image/in-the-type"}}
    for sent in (marked, guessed, broken, unsupported):
        hooked.send(sent)
    log = hooked.log.getvalue()
    assert log.count("\n") == 4
    for secret in ("confidential", API_KEY, "TSA", "in-the-", "rawPath"):
        assert secret not in log
    assert {json.loads(line)["source"] for line in log.splitlines()} == {"acme"}


def test_each_delivery_leaves_a_line_with_its_outcome_and_ids(hook: Hook) -> None:
    hooked = hook("telesign")
    hooked.take()
    (line,) = map(json.loads, hooked.log.getvalue().splitlines())
    assert (line["message"], line["source"], line["call_id"]) == ("webhook accepted", "acme", ID)


def test_only_what_nobody_could_verify_is_counted(
    hook: Hook, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    hooked = hook("kazoo signed")

    def counted(sent: Event) -> dict[str, float]:
        hooked.send(sent)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["source"] for line in lines} <= {"acme"}
        return {name: value[0] for line in lines for name, value in line.items() if name.startswith("Webhook")}

    assert counted(kazoo_signed(ID, HOOK)) == {}
    deleted = json.dumps(kazoo_event(ID, HOOK, action="doc_deleted")).encode()
    assert counted(event(deleted)) == {}
    assert counted(kazoo_signed(ID, "guess")) == {"WebhookRefused": 1}
    assert counted(event(b" " * (MAX_BYTES + 1))) == {}
