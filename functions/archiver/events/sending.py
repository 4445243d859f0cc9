"""Sends events, at least once each: what the bus does not take is sent again, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from functions.archiver.engine import Log
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.events.changes import events_of
from functions.archiver.events.event import Event
from functions.archiver.events.records import change_in

AT_ONCE = 10
"""Entries that PutEvents takes."""

_ROUNDS = 5
_FIRST_PAUSE_SECONDS = 0.2


class Bus(Protocol):
    """Where events go."""

    def put(self, events: Sequence[Event]) -> list[str | None]:
        """Takes at most `AT_ONCE`; the error's code for each that was not taken. Raises ArchiveTrouble."""


def send(bus: Bus, events: Sequence[Event], *, sleep: Callable[[float], None]) -> list[tuple[Event, str]]:
    """Sends all, some of them several times; those that the bus did not take in the end, each with its code."""
    left: list[tuple[Event, str]] = [(event, "") for event in events]
    for round_ in range(_ROUNDS):
        if round_:
            sleep(_FIRST_PAUSE_SECONDS * 2 ** (round_ - 1))
        left = [failed for chunk in _chunks(left) for failed in _put(bus, chunk)]
        if not left:
            break
    return left


def _chunks(events: Sequence[tuple[Event, str]]) -> Iterator[list[Event]]:
    for start in range(0, len(events), AT_ONCE):
        yield [event for event, _ in events[start : start + AT_ONCE]]


def _put(bus: Bus, events: Sequence[Event]) -> list[tuple[Event, str]]:
    try:
        codes = bus.put(events)
    except ArchiveTrouble as trouble:
        return [(event, trouble.code) for event in events]
    return [(event, code) for event, code in zip(events, codes, strict=True) if code]


class Announcer:
    """Makes events of the stream's records and sends them."""

    def __init__(
        self, bus: Bus, log: Log, *, bucket: str, sleep: Callable[[float], None], count: Callable[[int], None]
    ) -> None:
        self._count = count
        self._bus = bus
        self._log = log
        self._bucket = bucket
        self._sleep = sleep

    def take(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """The sequence numbers of the records that have to come again."""
        failed: list[str] = []
        found: list[tuple[Event, str]] = []
        for record in records:
            number = str(record["dynamodb"]["SequenceNumber"])
            try:
                found += [(event, number) for event in events_of(change_in(record), bucket=self._bucket)]
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                self._log.error("a record that nobody understands", record=number, reason=type(error).__name__)
                failed.append(number)
        unsent = send(self._bus, [event for event, _ in found], sleep=self._sleep)
        numbers = {id(event): number for event, number in found}
        failed += [numbers[id(event)] for event, _ in unsent]
        self._log.info(
            "announced", records=len(records), sent=len(found) - len(unsent), failed=len(failed),
            codes=sorted({code for _, code in unsent}),
        )  # fmt: skip
        if failed:
            self._count(len(failed))
        return list(dict.fromkeys(failed))
