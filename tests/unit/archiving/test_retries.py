"""The next move after every outcome, as one table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.archiver.archiving.retries import (
    ATTEMPT_DELAYS,
    BETWEEN_TWO_404,
    FOLLOW_UP_DEADLINE,
    MAX_ATTEMPTS,
    MAX_TROUBLES,
    NOT_READY_DELAYS,
    READY_DEADLINE,
    Move,
    Step,
    after_a_death,
    next_move,
)
from functions.archiver.entry import Entry, State, Stored
from functions.archiver.errors import (
    ArchiveTrouble,
    Busy,
    Closed,
    EndedEarly,
    Gone,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    Service,
    Throttled,
    TooLong,
    Unauthorized,
    Unavailable,
    Unfetchable,
)
from functions.archiver.recording import Recording
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from tests.doubles.clock import NOON

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLOSED = Closed("cooling down", until=NOON + MINUTE)
THROTTLED = Throttled("429", retry_after=7)
BUSY = Busy("429 of another host", retry_after=600)
ASKED: dict[str, Any] = {"due_in": 10 * MINUTE, "asked_for": 10 * MINUTE, "troubled": True}
CUT = EndedEarly("cut", received_bytes=1, promised_bytes=2)
CUT_ELSEWHERE = EndedEarly("cut", received_bytes=1, promised_bytes=2, elsewhere=True)
DOWN = Unavailable("503")
FULL = ArchiveTrouble(Service.S3, "AccessDenied")
REFUSED = Unauthorized("401")
OTHERWISE = ", while the provider answers otherwise"


def entry(**facts: Any) -> Entry:
    known: dict[str, Any] = {
        "kind": "recording",
        "recording": Recording(id="rec"),
        "state": State.QUEUED,
        "source": "acme",
        "day": NOON.date(),
        "found_at": NOON,
        "discovered_by": "schedule",
    }
    return Entry(**{**known, **facts})


def move(step: Step, reason: str, **more: Any) -> Move:
    return Move(step=step, reason=reason, **more)


LAST = {"attempts": MAX_ATTEMPTS - 1}
TROUBLED = {"troubles": MAX_TROUBLES}
MUCH_TROUBLED = {"troubles": MAX_TROUBLES + 1}
LATE = {"unfinished_since": NOON - READY_DEADLINE}
MISSED = {"missing_since": NOON - BETWEEN_TWO_404}
JUST_MISSED = {"missing_since": NOON - BETWEEN_TWO_404 + MINUTE}
LOOK_UP = {"kind": "lookup", "unfinished_since": NOON}
LATE_LOOK_UP = {"kind": "lookup", "unfinished_since": NOON - FOLLOW_UP_DEADLINE}
TRANSCRIPT = {"kind": "transcript", "unfinished_since": NOON, "unfinished_looks": 3}

HELD = {"stored": Stored(key="quarantine/x.bin", size_bytes=1, sha256="ab" * 32, content_type="x/y")}

TABLE: list[tuple[dict[str, Any], Outcome | ArchiveTrouble, bool | None, Move]] = [
    # of the source: nobody's attempt
    ({}, CLOSED, None, move(Step.RELEASE, "cooling down", closes=CLOSED)),
    ({}, THROTTLED, None, move(Step.RELEASE, "429", closes=THROTTLED)),
    ({}, DOWN, None, move(Step.ASK_SOURCE, "503")),
    ({}, DOWN, False, move(Step.RELEASE, "503", closes=DOWN)),
    (TROUBLED, DOWN, False, move(Step.RELEASE, "503", closes=DOWN)),
    ({}, DOWN, True, move(Step.RELEASE, "503", closes=DOWN, due_in=ATTEMPT_DELAYS[0])),
    ({"troubles": 1}, DOWN, True, move(Step.RELEASE, "503", closes=DOWN, due_in=ATTEMPT_DELAYS[1])),
    (TROUBLED, DOWN, True, move(Step.RETRY, "503" + OTHERWISE, attempts=1, due_in=ATTEMPT_DELAYS[0])),
    ({**TROUBLED, **LAST}, DOWN, True, move(Step.FAIL, "503" + OTHERWISE, attempts=1)),
    ({}, REFUSED, None, move(Step.ASK_SOURCE, "401")),
    ({}, REFUSED, False, move(Step.RELEASE, "401", closes=REFUSED)),
    ({}, REFUSED, True, move(Step.RETRY, "401" + OTHERWISE, attempts=1, due_in=ATTEMPT_DELAYS[0])),
    ({**LOOK_UP, **TROUBLED}, DOWN, True, move(Step.WAIT, "503" + OTHERWISE, due_in=NOT_READY_DELAYS[0])),
    # one recording that is throttled again and again: did the source answer otherwise?
    (TROUBLED, THROTTLED, None, move(Step.RELEASE, "429", closes=THROTTLED)),
    (MUCH_TROUBLED, THROTTLED, None, move(Step.RELEASE, "429", closes=THROTTLED)),
    (MUCH_TROUBLED, THROTTLED, False, move(Step.RELEASE, "429", closes=THROTTLED)),
    (
        MUCH_TROUBLED,
        THROTTLED,
        True,
        move(Step.RETRY, "429" + OTHERWISE, attempts=1, due_in=ATTEMPT_DELAYS[0], closes=THROTTLED),
    ),
    # of another host: the recording waits, alone
    ({}, BUSY, None, move(Step.RELEASE, "429 of another host", **ASKED)),
    ({"troubles": 1}, Busy("503"), None, move(Step.RELEASE, "503", due_in=ATTEMPT_DELAYS[1], troubled=True)),
    (MUCH_TROUBLED, BUSY, None, move(Step.RELEASE, "429 of another host", **{**ASKED, "due_in": HOUR})),
    ({**TROUBLED, **LAST}, Busy("503"), None, move(Step.RELEASE, "503", due_in=ATTEMPT_DELAYS[2], troubled=True)),
    # of another host, and then what the recording has
    ({}, CUT_ELSEWHERE, None, move(Step.RELEASE, "cut", due_in=ATTEMPT_DELAYS[0], troubled=True)),
    (TROUBLED, CUT_ELSEWHERE, None, move(Step.RETRY, "cut", attempts=1, due_in=ATTEMPT_DELAYS[0])),
    ({**TROUBLED, **LAST}, CUT_ELSEWHERE, None, move(Step.FAIL, "cut", attempts=1)),
    ({**LOOK_UP, **TROUBLED}, CUT_ELSEWHERE, None, move(Step.WAIT, "cut", due_in=NOT_READY_DELAYS[0])),
    ({}, CUT, None, move(Step.ASK_SOURCE, "cut")),
    # not there yet
    ({}, NotReady("soon"), None, move(Step.WAIT, "soon", due_in=NOT_READY_DELAYS[0])),
    ({"unfinished_looks": 99}, NotReady("soon"), None, move(Step.WAIT, "soon", due_in=NOT_READY_DELAYS[-1])),
    (LATE, NotReady("soon"), None, move(Step.FAIL, "not ready within 3 days: soon")),
    (TRANSCRIPT, NotReady("soon"), None, move(Step.WAIT, "soon", due_in=NOT_READY_DELAYS[3])),
    (LATE_LOOK_UP, NotReady("soon"), None, move(Step.DROP, "soon")),
    # a follow-up waits for its deadline, whatever it meets
    (LOOK_UP, BUSY, None, move(Step.WAIT, "429 of another host", due_in=NOT_READY_DELAYS[0])),
    (LOOK_UP, NotFound("404"), None, move(Step.WAIT, "404", due_in=NOT_READY_DELAYS[0])),
    (LOOK_UP, Gone("410"), None, move(Step.WAIT, "410", due_in=NOT_READY_DELAYS[0])),
    (LATE_LOOK_UP, Rejected("html"), None, move(Step.DROP, "html")),
    # what lies in quarantine stays there
    (HELD, Gone("410"), None, move(Step.KEEP, "410")),
    (HELD, NotFound("404"), None, move(Step.KEEP, "404")),
    (HELD, Rejected("html"), None, move(Step.KEEP, "html")),
    (HELD, NotReady("soon"), None, move(Step.WAIT, "soon", due_in=NOT_READY_DELAYS[0])),
    ({**HELD, **LATE}, NotReady("soon"), None, move(Step.KEEP, "soon")),
    (HELD, DOWN, False, move(Step.RELEASE, "503", closes=DOWN)),
    # it was there once
    ({}, Gone("410"), None, move(Step.GONE, "410")),
    ({}, NotFound("404"), None, move(Step.CONFIRM, "404", due_in=BETWEEN_TWO_404)),
    (JUST_MISSED, NotFound("404"), None, move(Step.CONFIRM, "404", due_in=BETWEEN_TWO_404)),
    (MISSED, NotFound("404"), None, move(Step.ASK_SOURCE, "404")),
    (MISSED, NotFound("404"), True, move(Step.GONE, "404, twice with an hour between" + OTHERWISE)),
    (MISSED, DOWN, False, move(Step.RELEASE, "503", closes=DOWN)),
    # its own failures
    ({}, Rejected("html"), None, move(Step.RETRY, "html", attempts=1, due_in=ATTEMPT_DELAYS[0])),
    ({"attempts": 6}, Rejected("html"), None, move(Step.RETRY, "html", attempts=1, due_in=ATTEMPT_DELAYS[6])),
    (LAST, Rejected("html"), None, move(Step.FAIL, "html", attempts=1)),
    ({}, TooLong("slow"), None, move(Step.RETRY, "slow", attempts=1, due_in=ATTEMPT_DELAYS[0])),
    (LAST, TooLong("slow"), None, move(Step.FAIL, "slow", attempts=1)),
    # the archive's own side: nobody's attempt, ever
    ({}, FULL, None, move(Step.RELEASE, FULL.reason, closes=FULL, due_in=ATTEMPT_DELAYS[0])),
    ({**LAST, "troubles": 99}, FULL, None, move(Step.RELEASE, FULL.reason, closes=FULL, due_in=ATTEMPT_DELAYS[-1])),
    (LATE_LOOK_UP, FULL, None, move(Step.RELEASE, FULL.reason, closes=FULL, due_in=ATTEMPT_DELAYS[0])),
    ({}, Unfetchable("elsewhere"), None, move(Step.FAIL, "elsewhere", attempts=1)),
]


@pytest.mark.parametrize(("facts", "outcome", "source_answers", "expected"), TABLE)
def test_every_outcome_has_one_next_move(
    facts: dict[str, Any], outcome: Outcome | ArchiveTrouble, source_answers: bool | None, expected: Move
) -> None:
    assert next_move(entry(**facts), outcome, NOON, source_answers) == expected


@pytest.mark.parametrize(
    ("facts", "receive_count", "expected"),
    [
        ({}, 2, None),
        ({}, MAX_RECEIVE_COUNT, move(Step.RELEASE, "the downloader died 2 times", due_in=ATTEMPT_DELAYS[0])),
        (LAST, 2, move(Step.FAIL, "the downloader died 2 times")),
        ({**LOOK_UP, **LAST}, 2, move(Step.DROP, "the downloader died 2 times")),
    ],
)
def test_a_death_is_an_attempt_and_a_message_is_never_buried(
    facts: dict[str, Any], receive_count: int, expected: Move | None
) -> None:
    assert after_a_death(entry(**facts), deaths=2, receive_count=receive_count) == expected
