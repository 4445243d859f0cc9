"""Which dead letters the fault campaign lays at the door of the message's reader."""

from __future__ import annotations

import pytest

from tests.doubles.clock import FakeClock
from tests.property.fifo import VISIBILITY, Fifo, Message


def buried_after(*ends: str) -> Fifo:
    """A queue whose one message was received so many times; each time its reader died, raised, or was done in vain."""
    clock = FakeClock()
    queue = Fifo(clock)
    queue.send({"body": "{}", "attributes": {"MessageDeduplicationId": "1", "MessageGroupId": "lane-0"}})
    (message,) = queue.next_of_each_group()
    for end in ends:
        assert queue.receive(message)
        _ends(queue, message, end)
        clock.advance(VISIBILITY)
    assert not queue.receive(message)
    assert queue.dead == [message]
    return queue


def _ends(queue: Fifo, message: Message, end: str) -> None:
    if end == "died":
        message.undone += 1
    elif end == "not deleted":
        queue.delete(message)
        queue.put_back(message)


@pytest.mark.parametrize("ends", [("died", "died", "died"), ("not deleted", "died", "died"), ("not deleted",) * 3])
def test_a_message_that_no_reader_could_take_off_is_buried_rightly(ends: tuple[str, ...]) -> None:
    assert buried_after(*ends).wrongly_buried == []


@pytest.mark.parametrize(
    "ends", [("raised", "raised", "raised"), ("died", "died", "raised"), ("raised", "died", "died")]
)
def test_a_message_whose_reader_raised_once_is_buried_wrongly(ends: tuple[str, ...]) -> None:
    queue = buried_after(*ends)
    assert queue.wrongly_buried == queue.dead
