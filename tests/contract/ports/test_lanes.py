"""What any lanes keep their word on: one in flight per lane, order, no sending twice, and nothing lost in a crash."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.archiver.entry import Ticket
from functions.archiver.throttling.lanes import Received, lane_of, read
from functions.archiver.throttling.sqs import SqsLanes
from ops.local.engine.lanes import DEDUPLICATION_SECONDS, Delivery, FifoLanes
from tests.doubles.aws import sqs

LANES = 3
VISIBILITY = 1.0


class Queue(Protocol):
    """Lanes, and the other end of them."""

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]: ...

    def take(self) -> Received | None:
        """The next message, in flight from now on."""

    def done(self, received: Received) -> None:
        """It is worked on for good."""


@dataclass
class InProcess:
    lanes: FifoLanes
    held: dict[str, Delivery] = field(default_factory=dict)

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        return self.lanes.send(tickets)

    def take(self) -> Received | None:
        delivery = self.lanes.receive()
        if delivery is None:
            return None
        received = read(delivery.record())
        self.held[received.ticket.id] = delivery
        return received

    def done(self, received: Received) -> None:
        self.lanes.delete(self.held.pop(received.ticket.id))


@dataclass
class Sqs:
    url: str
    receipts: dict[str, str] = field(default_factory=dict)

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        return SqsLanes(sqs(), queue_url=self.url, lanes=LANES).send(tickets)

    def take(self) -> Received | None:
        answer = sqs().receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"], VisibilityTimeout=1
        )
        for message in answer.get("Messages", []):
            received = read({"body": message["Body"], "attributes": message["Attributes"]})
            self.receipts[received.ticket.id] = message["ReceiptHandle"]
            return received
        return None

    def done(self, received: Received) -> None:
        sqs().delete_message(QueueUrl=self.url, ReceiptHandle=self.receipts.pop(received.ticket.id))


@pytest.fixture(params=["in process", "moto"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "moto":
        return Sqs(request.getfixturevalue("aws").queue_url)
    return InProcess(FifoLanes(LANES, visibility_seconds=VISIBILITY))


def ticket(id_: str, lease_ms: int = 1) -> Ticket:
    return Ticket(kind="recording", source="acme", id=id_, lease_ms=lease_ms)


def ids_of_lane(lane: int, count: int) -> list[str]:
    ids: list[str] = []
    number = 0
    while len(ids) < count:
        if lane_of(f"rec-{number}", LANES) == lane:
            ids.append(f"rec-{number}")
        number += 1
    return ids


def taken(queue: Queue) -> list[Received]:
    """All that is given out now, none of it done with."""
    found = []
    while received := queue.take():
        found.append(received)
    return found


def test_what_is_sent_arrives_with_its_lease_and_lane(queue: Queue) -> None:
    assert queue.send([ticket("odd/ü id", lease_ms=17)]) == []
    received = queue.take()
    assert received is not None
    assert received.ticket == ticket("odd/ü id", lease_ms=17)
    assert (received.lane, received.receive_count) == (lane_of("odd/ü id", LANES), 1)
    queue.done(received)
    assert queue.take() is None


def test_of_one_lane_one_message_is_in_flight_and_of_all_lanes_as_many_as_there_are(queue: Queue) -> None:
    queue.send([ticket(id_) for lane in range(LANES) for id_ in ids_of_lane(lane, 4)])
    first = taken(queue)
    assert sorted(received.lane for received in first) == list(range(LANES))
    queue.done(first[0])
    assert [received.lane for received in taken(queue)] == [first[0].lane]


def test_messages_of_a_lane_come_in_the_order_in_which_they_were_sent(queue: Queue) -> None:
    ids = ids_of_lane(1, 12)
    queue.send([ticket(id_) for id_ in ids])
    seen = []
    while received := queue.take():
        seen.append(received.ticket.id)
        queue.done(received)
    assert seen == ids


def test_a_message_that_is_not_done_with_in_time_comes_again_and_counts(queue: Queue) -> None:
    queue.send([ticket("rec")])
    assert queue.take() is not None
    assert queue.take() is None
    time.sleep(VISIBILITY + 0.1)
    again = queue.take()
    assert again is not None
    assert (again.ticket.id, again.receive_count) == ("rec", 2)


# moto forgets a sending when its message is deleted, which SQS does not: these are asked of the lanes in process.


class Times:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_sending_that_is_repeated_within_five_minutes_is_dropped_even_when_it_is_done_with() -> None:
    times = Times()
    queue = InProcess(FifoLanes(1, now=times))
    queue.send([ticket("rec")] * 2)
    (received,) = taken(queue)
    queue.done(received)
    times.now = DEDUPLICATION_SECONDS - 1
    queue.send([ticket("rec")])
    assert taken(queue) == []
    queue.send([ticket("rec", lease_ms=2)])  # another lease is another sending
    (received,) = taken(queue)
    queue.done(received)
    times.now = DEDUPLICATION_SECONDS
    queue.send([ticket("rec")])
    assert len(taken(queue)) == 1


def test_a_message_handed_back_comes_first_again_and_after_three_times_is_dead() -> None:
    lanes = FifoLanes(1)
    lanes.send([ticket("a"), ticket("b")])
    for count in (1, 2, 3):
        delivery = lanes.receive()
        assert delivery is not None
        assert (read(delivery.record()).ticket.id, delivery.receive_count) == ("a", count)
        lanes.release(delivery)
    assert lanes.dead == 1
    delivery = lanes.receive()
    assert delivery is not None
    assert read(delivery.record()).ticket.id == "b"
    lanes.delete(delivery)
    assert lanes.idle()


def test_a_delivery_whose_time_is_up_can_no_longer_end_the_next_one() -> None:
    times = Times()
    lanes = FifoLanes(1, visibility_seconds=10, now=times)
    lanes.send([ticket("a")])
    late = lanes.receive()
    assert late is not None
    times.now = 11
    again = lanes.receive()
    assert again is not None
    assert (again.message, again.receive_count) == (late.message, 2)
    lanes.delete(late)
    assert not lanes.idle()
    lanes.delete(again)
    assert lanes.idle()


def test_whoever_waits_is_woken_by_a_sending() -> None:
    lanes = FifoLanes(1)
    got: list[Delivery | None] = []
    waiting = threading.Thread(target=lambda: got.append(lanes.receive(timeout=30)))
    waiting.start()
    lanes.send([ticket("a")])
    waiting.join(30)
    assert got[0] is not None


def test_closed_lanes_give_out_nothing_more_and_let_nobody_wait() -> None:
    lanes = FifoLanes(1)
    got: list[Delivery | None] = []
    waiting = threading.Thread(target=lambda: got.append(lanes.receive(timeout=30)))
    waiting.start()
    lanes.close()
    waiting.join(10)
    assert got == [None]
    lanes.send([ticket("a")])
    assert lanes.receive() is None
    assert not lanes.idle()


def test_minutes_of_work_for_many_lanes_take_little_memory() -> None:
    lanes, tickets = FifoLanes(2), [ticket(f"recording-{number}") for number in range(20_000)]
    tracemalloc.start()
    try:
        lanes.send(tickets)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(tickets) < 150  # beside the ticket itself; a sending's text alone would be as much


def test_the_lanes_forget_what_was_sent_more_than_five_minutes_ago() -> None:
    times = Times()
    queue = InProcess(FifoLanes(1, now=times))

    def send_and_finish(number: int) -> None:
        queue.send([ticket("rec", lease_ms=number)])
        (received,) = taken(queue)
        queue.done(received)

    send_and_finish(-1)
    tracemalloc.start()
    try:
        for number in range(20):
            times.now += DEDUPLICATION_SECONDS
            send_and_finish(number)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20, 2_000):
            times.now += DEDUPLICATION_SECONDS
            send_and_finish(number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


Step = Callable[[FifoLanes, Any], None]


@settings(max_examples=100)
@given(st.lists(st.one_of(st.integers(0, 9), st.sampled_from(["take", "done", "release"])), max_size=60))
def test_in_any_order_of_steps_no_lane_holds_two_and_nothing_is_lost(steps: list[int | str]) -> None:
    lanes, held, sent, ended = FifoLanes(2), list[Delivery](), set[str](), set[str]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            lanes.send([ticket(f"{step}", lease_ms=number)])
            sent.add(f"{step}#{number}")
        elif step == "take" and (delivery := lanes.receive()):
            held.append(delivery)
        elif step == "done" and held:
            delivery = held.pop(0)
            lanes.delete(delivery)
            ended.add(name_of(delivery))
        elif step == "release" and held:
            lanes.release(held.pop(0))
        assert len({delivery.message.group for delivery in held}) == len(held)
    for delivery in held:
        lanes.delete(delivery)
        ended.add(name_of(delivery))
    while rest := lanes.receive():
        lanes.delete(rest)
        ended.add(name_of(rest))
    assert len(ended) + lanes.dead == len(sent)
    assert ended <= sent


def name_of(delivery: Delivery) -> str:
    found = read(delivery.record()).ticket
    return f"{found.id}#{found.lease_ms}"
