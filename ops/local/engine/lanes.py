"""The lanes of one source in this process, with a FIFO queue's promises. Their contents may be lost at any time."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from functions.archiver.entry import Ticket
from functions.archiver.throttling.lanes import Message, group_of, message_of, sending_of

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
    """Tickets alone wait: minutes of work for each lane, of which a ticket is the least that has to be held."""

    waiting: deque[Ticket] = field(default_factory=deque)
    again: Delivery | None = None
    in_flight: Delivery | None = None

    @property
    def holds(self) -> bool:
        """Whether there is anything to give out."""
        return self.again is not None or bool(self.waiting)


class _Sendings:
    """What was sent within the last five minutes, in 60 bits of each: a run sends tens of thousands in that time."""

    def __init__(self) -> None:
        self._known: dict[int, None] = {}
        self._batches: deque[tuple[float, list[int]]] = deque()

    def new(self, tickets: Iterable[Ticket], now: float) -> list[Ticket]:
        """The tickets that were not sent before; from now on they were."""
        self._forget(now - DEDUPLICATION_SECONDS)
        unique = {int(sending_of(ticket)[:15], 16): ticket for ticket in tickets}
        fresh = {sending: ticket for sending, ticket in unique.items() if sending not in self._known}
        if fresh:
            self._known.update(dict.fromkeys(fresh))
            self._batches.append((now, list(fresh)))
        return list(fresh.values())

    def _forget(self, until: float) -> None:
        while self._batches and self._batches[0][0] <= until:
            for sending in self._batches.popleft()[1]:
                del self._known[sending]


class FifoLanes:
    """At most one message of a lane is in flight, and a lane's messages come in order.

    A sending that is repeated within five minutes is dropped, also when its message is done with. What is not deleted
    before its visibility ends is given out again; after the third time it is dropped and counted in `dead`.
    """

    def __init__(
        self,
        lanes: int,
        *,
        visibility_seconds: float = VISIBILITY_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = lanes
        self._visibility = visibility_seconds
        self._now = now
        self._changed = threading.Condition()
        self._receipts = itertools.count(1)
        self._lanes: dict[str, _Lane] = {}
        self._sendings = _Sendings()
        self._closed = False
        self.dead = 0

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Takes every ticket."""
        with self._changed:
            for ticket in self._sendings.new(tickets, self._now()):
                self._lanes.setdefault(group_of(ticket, self._number), _Lane()).waiting.append(ticket)
            self._changed.notify_all()
        return []

    def receive(self, *, timeout: float = 0.0) -> Delivery | None:
        """The next message of any lane that has none in flight, for which it waits up to `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._free(), timeout)
            group = None if self._closed else self._free()
            return None if group is None else self._take(group)

    def close(self) -> None:
        """Gives out nothing more, and whoever waits for a message learns it at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _free(self) -> str | None:
        """The lane that gives out a message now and has waited longest for its turn; None where there is none."""
        for lane in self._lanes.values():
            if lane.in_flight is not None and lane.in_flight.visible_at <= self._now():
                self._return(lane, lane.in_flight)
        return next((group for group, lane in self._lanes.items() if lane.holds and lane.in_flight is None), None)

    def _take(self, group: str) -> Delivery:
        lane = self._lanes[group] = self._lanes.pop(group)  # to the end: the others come first now
        if lane.again is not None:
            delivery, lane.again = lane.again, None
        else:
            message = message_of(lane.waiting.popleft(), self._number)
            delivery = Delivery(message=message, receipt=next(self._receipts))
        delivery.receive_count += 1
        delivery.visible_at = self._now() + self._visibility
        lane.in_flight = delivery
        return delivery

    def _return(self, lane: _Lane, delivery: Delivery) -> None:
        lane.in_flight = None
        if delivery.receive_count >= MAX_RECEIVES:
            self.dead += 1
        else:
            lane.again = replace(delivery)  # whoever holds the old one can no longer end it

    def delete(self, delivery: Delivery) -> None:
        """The message is done with; the lane gives out its next one."""
        with self._changed:
            lane = self._lanes[delivery.message.group]
            if lane.in_flight is delivery:
                lane.in_flight = None
            self._changed.notify_all()

    def release(self, delivery: Delivery) -> None:
        """The message may be given out again at once."""
        with self._changed:
            lane = self._lanes[delivery.message.group]
            if lane.in_flight is delivery:
                self._return(lane, delivery)
            self._changed.notify_all()

    def idle(self) -> bool:
        """Whether no message waits or is in flight."""
        with self._changed:
            return not any(lane.holds or lane.in_flight for lane in self._lanes.values())
