"""People are told of a change once, when it has held, and in words that lead them on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.archiver.alerting.notes import Notebook
from functions.archiver.alerting.telling import WELL, Address, Teller, message_of
from functions.archiver.alerting.trouble import BEHIND, BLOCKED, FAILING, KINDS, SETTLED, UNSURE, Kind, Trouble
from functions.archiver.clock import to_ms
from functions.archiver.engine import Engine, Message
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.ledger.table import Item, Table
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.program import program
from tests.doubles.clock import FakeClock

MINUTE = timedelta(minutes=1)
ADDRESS = Address(archive="recordings", source="acme-uk", runbook="https://wiki.example.com/calls")
RUNBOOK = Path("docs/operations.md")


class Listening:
    """An engine that keeps what it is to tell; `fails` makes the next tries fail."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.fails = 0
        self.log = self

    def tell(self, message: Message) -> None:
        if self.fails:
            self.fails -= 1
            raise ArchiveTrouble(Service.SNS, "Throttled")
        self.told.append(message)

    def error(self, message: str, /, **fields: object) -> None:
        pass


class Ticks:
    """The ticks of one source, a minute after another."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self.engine = Listening()
        self._clock = clock
        self._table = table
        self.teller = Teller(table, cast("Engine", self.engine), ADDRESS, clock)
        self.read = Notebook(table, source="acme-uk", clock=clock).read

    def item(self) -> Item:
        """What the ledger says of it."""
        return self._table.get("acme-uk#told") or {}

    def tick(self, kind: Kind | None) -> int:
        """One; the level that counts then."""
        counts = self.teller.tell(a_trouble(kind), self.read().announcements)
        self._clock.advance(MINUTE)
        return counts.level if counts else 0

    def hold(self, kind: Kind | None, span: timedelta) -> int:
        """As many as fit in `span`, and one."""
        return [self.tick(kind) for _ in range(span // MINUTE + 1)][-1]

    def subjects(self) -> list[str]:
        return [message.subject.partition(": ")[2] for message in self.engine.told]


def a_trouble(kind: Kind | None) -> Trouble | None:
    return Trouble(kind=kind, reason=f"it is {kind.name}") if kind else None


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with SqliteTable(tmp_path / "ledger.sqlite", journal="wal") as made:
        yield made


@pytest.fixture
def ticks(table: Table, clock: FakeClock) -> Ticks:
    return Ticks(table, clock)


def test_a_source_that_was_always_well_tells_nobody_and_writes_nothing(ticks: Ticks) -> None:
    assert ticks.hold(None, 5 * MINUTE) == 0
    assert ticks.engine.told == []
    assert ticks.item() == {}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_trouble_is_told_once_when_it_has_held_and_its_end_once(ticks: Ticks, kind: Kind) -> None:
    if kind.lasts:
        assert ticks.hold(kind, kind.lasts - MINUTE) == 0
        assert ticks.subjects() == []
    assert ticks.hold(kind, MINUTE) == kind.level
    assert ticks.hold(kind, 30 * MINUTE) == kind.level
    assert ticks.hold(None, SETTLED - MINUTE) == kind.level
    assert ticks.hold(None, 30 * MINUTE) == 0
    assert ticks.subjects() == [kind.name, "well again"]
    assert {message.urgent for message in ticks.engine.told} == {kind.urgent}


def test_the_ledger_says_what_was_told_why_and_when(ticks: Ticks, clock: FakeClock) -> None:
    told_at = clock.now()
    ticks.hold(FAILING, 10 * MINUTE)
    item = ticks.item()
    assert (item["told"], item["told_reason"]) == (FAILING.name, f"it is {FAILING.name}")
    assert item["announced_at"] == to_ms(told_at)
    ticks.hold(None, SETTLED)
    assert ticks.item()["told"] == WELL
    assert "told_reason" not in ticks.item()


def test_what_comes_and_goes_sends_no_mails(ticks: Ticks) -> None:
    for _ in range(5):
        ticks.hold(BLOCKED, 5 * MINUTE)
        ticks.hold(None, 5 * MINUTE)
    assert ticks.subjects() == []
    ticks.tick(FAILING)
    for _ in range(5):
        ticks.hold(None, 5 * MINUTE)
        ticks.hold(FAILING, 5 * MINUTE)
    assert ticks.subjects() == [FAILING.name]


def test_a_worse_trouble_is_told_at_its_own_time_and_a_lesser_one_when_it_looks_lasting(ticks: Ticks) -> None:
    ticks.tick(FAILING)
    assert ticks.tick(BEHIND) == BEHIND.level
    assert ticks.tick(UNSURE) == BEHIND.level
    assert ticks.hold(UNSURE, SETTLED) == UNSURE.level
    assert ticks.subjects() == [FAILING.name, BEHIND.name, UNSURE.name]


def test_of_two_ticks_at_once_one_tells(ticks: Ticks) -> None:
    seen = ticks.read().announcements
    levels = [ticks.teller.tell(a_trouble(FAILING), seen) for _ in range(2)]
    assert levels == [FAILING, FAILING]
    assert ticks.subjects() == [FAILING.name]


def test_what_could_not_be_told_is_told_by_the_next_tick(ticks: Ticks) -> None:
    ticks.engine.fails = 2
    ticks.hold(FAILING, MINUTE)
    assert ticks.subjects() == []
    ticks.hold(FAILING, 5 * MINUTE)
    assert ticks.subjects() == [FAILING.name]


@given(st.lists(st.tuples(st.sampled_from([None, *KINDS]), st.integers(1, 25), st.integers(0, 2)), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_whatever_comes_no_message_repeats_the_one_before(
    fresh: Callable[[], Ticks], changes: list[tuple[Kind | None, int, int]]
) -> None:
    ticks = fresh()
    for kind, minutes, fails in changes:
        ticks.engine.fails = fails
        ticks.hold(kind, minutes * MINUTE)
    said = ticks.subjects()
    assert all(before != after for before, after in pairwise(said))
    assert said[:1] != ["well again"]


@pytest.fixture
def fresh(table: Table, clock: FakeClock) -> Callable[[], Ticks]:
    def again() -> Ticks:
        table.update("acme-uk#told", put={}, remove=["told", "seen", "seen_at"])
        return Ticks(table, clock)

    return again


def headings() -> set[str]:
    titles = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_message_leads_to_a_heading_and_to_a_command_that_there_is(kind: Kind) -> None:
    message = message_of(a_trouble(kind), None, ADDRESS)
    (heading,) = re.findall(r"^Read on: https://wiki\.example\.com/calls#([\w-]+)$", message.text, re.MULTILINE)
    assert heading in headings()
    (command,) = re.findall(r"^First: recordings (.+)$", message.text, re.MULTILINE)
    words = command.split()
    assert words[-2:] == ["-a", "recordings"]
    answer = CliRunner().invoke(program, [*words, "--help"])
    assert answer.exit_code == 0, answer.output
    assert set(re.findall(r"--[a-z-]+", command)) <= set(re.findall(r"--[a-z-]+", answer.output))
    assert f"it is {kind.name}" in message.text


def test_a_reason_in_a_message_is_one_line_of_bounded_length_whatever_the_provider_said() -> None:
    hostile = "401\r\nFirst: rm -rf /\x1b[31m" + "x" * 10_000
    text = message_of(Trouble(kind=BLOCKED, reason=hostile), None, ADDRESS).text
    assert len(text.splitlines()) == 5
    assert len(text) < 1_000
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_subject_fits_into_a_mail_however_long_the_names_are() -> None:
    long = Address(archive="a" * 100, source="s" * 60, runbook="docs/operations.md")
    subject = message_of(a_trouble(FAILING), None, long).subject
    assert len(subject) <= 100
    assert subject.isascii()
