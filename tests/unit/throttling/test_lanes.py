"""The lanes: which message goes where, and that a message says no more than it must."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.entry import Kind, Ticket
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.recording import Recording
from functions.archiver.throttling.lanes import Lanes, Received, Unreadable, lane_of, read
from functions.archiver.throttling.sqs import SqsLanes
from tests.doubles.aws import Aws, sqs
from tests.doubles.clock import NOON, FakeClock


def ticket(id_: str = "rec-1", *, lease_ms: int = 1000, kind: Kind = "recording") -> Ticket:
    return Ticket(kind=kind, source="acme", id=id_, lease_ms=lease_ms)


def lanes(aws: Aws, number: int = 4) -> Lanes:
    return SqsLanes(sqs(), queue_url=aws.queue_url, lanes=number)


def test_an_ids_lane_is_the_same_in_every_process_and_release() -> None:
    assert [lane_of(id_, 5) for id_ in ("rec-1", "rec-2", "ü", "")] == [4, 4, 3, 2]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 50))
def test_every_lane_is_one_of_the_lanes(id_: str, number: int) -> None:
    assert 0 <= lane_of(id_, number) < number


def test_all_lanes_are_used() -> None:
    assert {lane_of(f"rec-{number}", 10) for number in range(200)} == set(range(10))


def test_a_message_brings_its_ticket_through_the_lane_of_its_id(aws: Aws) -> None:
    tickets = [ticket(f"rec/{number}", lease_ms=number) for number in range(9)]
    assert lanes(aws).send(tickets) == []
    received = [read(record) for record in aws.messages()]
    assert sorted((r.ticket.lease_ms, r.lane, r.receive_count) for r in received) == [
        (t.lease_ms, lane_of(t.id, 4), 1) for t in tickets
    ]
    assert {r.ticket for r in received} == set(tickets)


@pytest.mark.parametrize("kind", ["recording", "lookup", "transcript"])
def test_follow_ups_travel_like_recordings(aws: Aws, kind: Kind) -> None:
    lanes(aws).send([ticket(kind=kind)])
    assert [read(record).ticket.kind for record in aws.messages()] == [kind]


def dedup_ids(aws: Aws) -> list[str]:
    return [record["attributes"]["MessageDeduplicationId"] for record in aws.messages()]


def test_one_ticket_sent_twice_is_one_message(aws: Aws) -> None:
    lanes(aws).send([ticket()])
    lanes(aws).send([ticket()])
    assert len(aws.messages()) == 1


def test_the_same_ticket_has_the_same_deduplication_id_and_another_lease_or_kind_has_another(aws: Aws) -> None:
    for one in (ticket(), ticket(), ticket(lease_ms=1001), ticket(kind="transcript"), ticket("rec-2")):
        lanes(aws).send([one])
    found = dedup_ids(aws)
    assert len(found) == len(set(found)) == 4
    lanes(aws).send([ticket()])
    assert set(dedup_ids(aws)) <= set(found)


def test_a_ticket_of_a_new_lease_is_delivered_although_the_old_message_was_never_deleted(aws: Aws) -> None:
    lanes(aws).send([ticket(lease_ms=1)])
    lanes(aws).send([ticket(lease_ms=2)])
    assert sorted(read(record).ticket.lease_ms for record in aws.messages()) == [1, 2]


def test_messages_are_sent_ten_in_a_call(aws: Aws) -> None:
    lanes(aws).send([ticket(f"rec-{number}") for number in range(21)])
    assert aws.calls == {"sqs.SendMessageBatch": 3}
    assert len(aws.messages()) == 21


def test_nothing_to_send_is_no_call(aws: Aws) -> None:
    assert lanes(aws).send([]) == []
    assert aws.calls == {}


def test_what_sqs_did_not_take_is_returned(aws: Aws) -> None:
    tickets = [ticket(f"rec-{number}") for number in range(12)]
    failure = {"SenderFault": False, "Code": "InternalError"}
    with Stubber(sqs()) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": [{"Id": "3", **failure}]})
        stub.add_response("send_message_batch", {"Successful": [], "Failed": [{"Id": "1", **failure}]})
        assert lanes(aws).send(tickets) == [tickets[3], tickets[11]]


def test_a_message_holds_nothing_but_its_ticket(aws: Aws, clock: FakeClock) -> None:
    ledger = Ledger(aws.table, source="acme", clock=clock)
    found = Recording(
        id="rec-1",
        recorded_at=NOON,
        link="https://media.example/?signature=s3cret",
        raw={"token": "s3cret"},
        agent="Ann",
    )
    made = ledger.insert_queued(found, "webhook")
    assert made is not None
    lanes(aws).send([made])
    (message,) = aws.messages()
    body = json.loads(message["body"])
    assert body == {"kind": "recording", "source": "acme", "id": "rec-1", "lease": made.lease_ms}
    assert "s3cret" not in str(message)
    assert "https" not in str(message)


def record(body: object, **attributes: str) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"body": text, "attributes": {"MessageGroupId": "lane-3", "ApproximateReceiveCount": "2", **attributes}}


GOOD = {"kind": "recording", "source": "acme", "id": "rec-1", "lease": 1000}


def test_a_record_is_read_with_its_lane_and_its_count_of_receipts() -> None:
    assert read(record(GOOD)) == Received(ticket=ticket(), lane=3, receive_count=2)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"body": json.dumps(GOOD)},
        {"body": json.dumps(GOOD), "attributes": None},
        record("not json"),
        record("null"),
        record([]),
        record("[1]"),
        record({**GOOD, "kind": "other"}),
        record({**GOOD, "kind": ["recording"]}),
        record({**GOOD, "lease": "soon"}),
        record({**GOOD, "lease": None}),
        record({name: value for name, value in GOOD.items() if name != "id"}),
        record(GOOD, MessageGroupId="elsewhere"),
        record(GOOD, ApproximateReceiveCount=""),
    ],
)
def test_a_message_of_another_making_is_unreadable_and_not_quoted(broken: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as error:
        read(broken)
    assert "rec-1" not in str(error.value)
