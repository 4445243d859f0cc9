"""The lanes: a FIFO queue in which the message group is the lane, so that a lane never holds two downloads.

A message says which item to work on and under which lease, nothing more: no link, no token, no fact that could be
old. The queue is only transport; whatever it loses becomes due again when its lease ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

from functions.archiver.entry import Ticket
from functions.archiver.lazy_dataclass import dataclass

_GROUP = "lane-"


class Unreadable(Exception):
    """A message that the archiver did not send. Only such messages end in the dead-letter queue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One message: `lane` it came through, and how often it has been received (the first time: 1)."""

    ticket: Ticket
    lane: int
    receive_count: int


def lane_of(id_: str, lanes: int) -> int:
    """The lane of an id: the same in every process and release."""
    return int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "big") % lanes


class Lanes(Protocol):
    """Takes tickets to the lanes of one source; whoever works on them gets each as a `Received`.

    What any engine has to keep: at most one message of a lane is in flight, messages of a lane come in the order in
    which they were sent, and one sent again within five minutes under the same lease is dropped.
    """

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Sends the tickets; returns those that the queue refused, which become due when their lease ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A ticket as it travels: `group` is its lane, `sending` is what tells one sending from another."""

    body: str
    group: str
    sending: str


def message_of(ticket: Ticket, lanes: int) -> Message:
    """The message for a ticket, for a source with this many lanes."""
    body = {"kind": ticket.kind, "source": ticket.source, "id": ticket.id, "lease": ticket.lease_ms}
    return Message(
        body=json.dumps(body, separators=(",", ":")),
        group=group_of(ticket, lanes),
        sending=sending_of(ticket),
    )


def group_of(ticket: Ticket, lanes: int) -> str:
    """Its lane, as a message's group."""
    return f"{_GROUP}{lane_of(ticket.id, lanes)}"


def sending_of(ticket: Ticket) -> str:
    """What tells one sending from another, 64 hexadecimal digits."""
    # SQS remembers an id for five minutes even after its message is deleted: the lease makes each sending its own.
    return hashlib.sha256(f"{ticket.kind}#{ticket.id}#{ticket.lease_ms}".encode()).hexdigest()


def read(record: dict[str, object]) -> Received:
    """The ticket in one record of an event source mapping. Raises Unreadable."""
    try:
        body = json.loads(str(record["body"]))
        attributes = record["attributes"]
        if not isinstance(attributes, dict) or body["kind"] not in ("recording", "lookup", "transcript"):
            raise Unreadable("a message of an unknown kind")
        return Received(
            ticket=Ticket(
                kind=body["kind"], source=str(body["source"]), id=str(body["id"]), lease_ms=int(body["lease"])
            ),
            lane=int(str(attributes["MessageGroupId"]).removeprefix(_GROUP)),
            receive_count=int(attributes["ApproximateReceiveCount"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"a message that this version cannot read ({type(error).__name__})") from None
