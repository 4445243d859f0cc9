"""The lanes of one source in this process, with a FIFO queue's promises. Their contents may be lost at any time."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from functions.archiver.entry import Ticket
from functions.archiver.throttling.lanes import Message, message_of

DEDUPLICATION_SECONDS = 300.0
VISIBILITY_SECONDS = 960.0
MAX_RECEIVES = 3


@dataclass(kw_only=True, slots=True)
class Delivery:
    """A message in somebody's hands until `visible_at`, when it is given out again."""

    message: Message
    receipt: int
    receive_count: int = 0
    visible_at: float = 0.0

    def record(self) -> dict[str, object]:
        """As an event source mapping hands it to the function."""
        return {
            "messageId": f"{self.receipt}",
            "receiptHandle": f"{self.receipt}",
            "body": self.message.body,
            "attributes": {
                "MessageGroupId": self.message.group,
                "MessageDeduplicationId": self.message.sending,
                "ApproximateReceiveCount": str(self.receive_count),
            },
        }


@dataclass(slots=True)
class _Lane:
    waiting: deque[Delivery] = field(default_factory=deque)
    in_flight: Delivery | None = None


class FifoLanes:
    """At most one message of a lane is in flight, and a lane's messages come in order.

    A sending that is repeated within five minutes is dropped, also when its message is done with. What is not deleted
    before its visibility ends is given out again; after the third time it is dropped and kept in `dead`.
    """

    def __init__(
        self,
        lanes: int,
        *,
        visibility_seconds: float = VISIBILITY_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._visibility = visibility_seconds
        self._now = now
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._queues: dict[str, _Lane] = {}
        self._sent: OrderedDict[str, float] = OrderedDict()
        self.dead: list[Message] = []

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Takes every ticket."""
        with self._changed:
            for ticket in tickets:
                message = message_of(ticket, self._lanes)
                if self._is_new(message.sending):
                    lane = self._queues.setdefault(message.group, _Lane())
                    lane.waiting.append(Delivery(message=message, receipt=next(self._numbers)))
            self._changed.notify_all()
        return []

    def _is_new(self, sending: str) -> bool:
        now = self._now()
        while self._sent and next(iter(self._sent.values())) <= now - DEDUPLICATION_SECONDS:
            self._sent.popitem(last=False)
        if sending in self._sent:
            return False
        self._sent[sending] = now
        return True

    def receive(self, *, timeout: float = 0.0) -> Delivery | None:
        """The next message of any lane that has none in flight, waited for up to `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(self._is_there, timeout)
            return self._take()

    def _is_there(self) -> bool:
        return any(self._next(lane) for lane in self._queues.values())

    def _take(self) -> Delivery | None:
        free = [lane for lane in self._queues.values() if self._next(lane)]
        if not free:
            return None
        lane = min(free, key=lambda each: each.waiting[0].receipt)
        delivery = lane.waiting.popleft()
        delivery.receive_count += 1
        delivery.visible_at = self._now() + self._visibility
        lane.in_flight = delivery
        return delivery

    def _next(self, lane: _Lane) -> bool:
        """Whether the lane gives out a message now; one whose time is up comes back to its head first."""
        if lane.in_flight is not None and lane.in_flight.visible_at <= self._now():
            self._return(lane, lane.in_flight)
        return bool(lane.waiting) and lane.in_flight is None

    def _return(self, lane: _Lane, delivery: Delivery) -> None:
        lane.in_flight = None
        if delivery.receive_count >= MAX_RECEIVES:
            self.dead.append(delivery.message)
        else:
            lane.waiting.appendleft(replace(delivery))  # whoever holds the old one can no longer end it

    def delete(self, delivery: Delivery) -> None:
        """The message is done with; the lane gives out its next one."""
        with self._changed:
            lane = self._queues[delivery.message.group]
            if lane.in_flight is delivery:
                lane.in_flight = None
            self._changed.notify_all()

    def release(self, delivery: Delivery) -> None:
        """The message may be given out again at once."""
        with self._changed:
            lane = self._queues[delivery.message.group]
            if lane.in_flight is delivery:
                self._return(lane, delivery)
            self._changed.notify_all()

    def idle(self) -> bool:
        """Whether no message waits or is in flight."""
        with self._changed:
            return not any(lane.waiting or lane.in_flight for lane in self._queues.values())
