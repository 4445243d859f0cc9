"""A FIFO queue and its event source mapping as AWS describes them, on a clock that the test moves.

Of a group nothing more is given out while one of its messages is in flight. A message that is not deleted comes again
when its visibility time-out is over, and after the third time goes to the dead letters. A deduplication id is
remembered for five minutes.

`undone` counts the receives of a message that its reader could not help: the process was ended, or the deletion did
not take hold. A message all of whose receives were such is buried rightly; any other was buried by its reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.archiver.clock import Clock
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT

VISIBILITY = timedelta(seconds=960)
REMEMBERED = timedelta(minutes=5)


@dataclass(kw_only=True, slots=True, eq=False)
class Message:
    body: str
    group: str
    received: int = 0
    undone: int = 0
    visible_at: datetime

    def record(self) -> dict[str, Any]:
        """As a function gets it."""
        attributes = {"MessageGroupId": self.group, "ApproximateReceiveCount": str(self.received)}
        return {"body": self.body, "attributes": attributes}


class Fifo:
    """One queue with its dead letters."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: list[Message] = []
        self._sent: dict[str, datetime] = {}
        self.dead: list[Message] = []

    def send(self, record: dict[str, Any]) -> None:
        now = self._clock.now()
        id_ = record["attributes"]["MessageDeduplicationId"]
        if id_ in self._sent and now - self._sent[id_] < REMEMBERED:
            return
        self._sent[id_] = now
        group = record["attributes"]["MessageGroupId"]
        self._messages.append(Message(body=record["body"], group=group, visible_at=now))

    def next_of_each_group(self) -> list[Message]:
        """What may be given out now."""
        heads: dict[str, Message] = {}
        for message in self._messages:
            heads.setdefault(message.group, message)
        return [message for message in heads.values() if message.visible_at <= self._clock.now()]

    def receive(self, message: Message) -> bool:
        """Gives a message out; False when it has gone to the dead letters instead."""
        if message.received >= MAX_RECEIVE_COUNT:
            self._messages.remove(message)
            self.dead.append(message)
            return False
        message.received += 1
        message.visible_at = self._clock.now() + VISIBILITY
        return True

    def delete(self, message: Message) -> None:
        if message in self._messages:  # it may have been purged meanwhile
            self._messages.remove(message)

    def put_back(self, message: Message) -> None:
        """Its deletion did not take hold: it comes once more."""
        message.undone += 1
        message.visible_at = self._clock.now()
        self._messages.insert(0, message)

    @property
    def wrongly_buried(self) -> list[Message]:
        """The dead letters that a reader could have taken off the queue before."""
        return [message for message in self.dead if message.undone < message.received]

    def purge(self) -> None:
        """A person empties the queue; whatever is in flight is with its function and keeps its group."""
        now = self._clock.now()
        self._messages = [each for each in self._messages if each.received and each.visible_at > now]

    def __len__(self) -> int:
        return len(self._messages)
