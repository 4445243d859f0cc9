"""What a provider makes of everything that can go wrong between two machines: the outcome named by the next move."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from functions.archiver.errors import (
    Busy,
    CursorRefused,
    Gone,
    NotFound,
    NotReady,
    OfTheRecording,
    OfTheSource,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from functions.archiver.http.responses import ANSWER_BYTES
from tests.contract.case import Case
from tests.contract.replay import ELSEWHERE
from tests.doubles.http_server import Reply, Seen

SIGN_IN = Reply(headers={"Content-Type": "text/html"}, body=b"<!DOCTYPE html><html><p>Please sign in</p></html>")
PLAIN_PAGE = Reply(headers={"Content-Type": "text/html"}, body=b"<html><body><p>Please sign in</p></body></html>")
BUSY = Reply(headers={"Content-Type": "application/json"}, body=b'{"message": "The service is busy"}')
DEEP = b"[" * 100_000 + b"]" * 100_000
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><response><result>&j;</result></response>"
)
HUGE = Reply(body=b"[" + b" " * ANSWER_BYTES + b"]")

MACHINE_METADATA = "http://169.254.169.254/latest/meta-data"


def redirect(to: str, status: int) -> Reply:
    return Reply(status=status, headers={"Location": to})


def test_a_refused_token_is_renewed_once_and_the_request_repeated(case: Case, renewable: str) -> None:
    assert case.operations[renewable]()
    usual = case.replay.asked[renewable]
    case.replay.fail(renewable, Reply(status=401))
    assert case.operations[renewable]()
    assert case.replay.asked[renewable] == 2 * usual + 1


def test_credentials_that_stay_refused_are_unauthorized(case: Case, document: str) -> None:
    case.replay.keep_failing(document, Reply(status=401))
    assert isinstance(case.trouble(document), Unauthorized)
    assert case.replay.asked[document] == (2 if case.has("token") else 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_token_request_is_of_the_source(case: Case, token: str, status: int) -> None:
    case.replay.keep_failing(token, Reply(status=status))
    assert isinstance(case.trouble(token), OfTheSource)
    assert case.replay.asked[token] <= 2
    assert case.replay.asked["list"] == 0


@pytest.mark.parametrize("reply", [SIGN_IN, BUSY, Reply(), Reply(body=b"[]")], ids=["html", "json", "empty", "array"])
def test_an_answer_without_a_token_is_of_the_source(case: Case, token: str, reply: Reply) -> None:
    case.replay.keep_failing(token, reply)
    assert isinstance(case.trouble(token), OfTheSource)


def test_a_forbidden_list_is_of_the_source_and_a_forbidden_recording_is_not(case: Case, document: str) -> None:
    case.replay.keep_failing(document, Reply(status=403))
    if case.is_of_the_source(document) or case.excepted("forbidden_is_unauthorized"):
        assert isinstance(case.trouble(document), Unauthorized)
    else:
        assert isinstance(case.trouble(document), OfTheRecording)


def test_forbidden_audio_is_not_of_the_source(case: Case) -> None:
    case.replay.keep_failing("media", Reply(status=403))
    assert isinstance(case.trouble("media"), OfTheRecording)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 418, 422])
def test_a_list_that_is_refused_is_of_the_source_and_never_empty(case: Case, status: int) -> None:
    case.replay.keep_failing("list", Reply(status=status))
    assert isinstance(case.trouble("list"), OfTheSource)


def test_one_404_never_means_gone(case: Case) -> None:
    missing = case.replay.reply("missing")
    case.replay.keep_failing("lookup", missing)
    if not case.excepted("lookup_by_listing"):
        assert isinstance(case.trouble("lookup"), NotFound)
    case.replay.keep_failing("media", missing)
    assert isinstance(case.trouble("media"), NotFound)


def test_a_404_for_audio_alone_concerns_the_recording_alone(case: Case) -> None:
    case.replay.keep_failing("media", case.replay.reply("missing"))
    assert isinstance(case.trouble("media"), NotFound | NotReady | Rejected)


def test_means_gone(case: Case) -> None:
    case.replay.keep_failing("media", Reply(status=410))
    assert isinstance(case.trouble("media"), Gone)
    if not case.excepted("lookup_by_listing"):
        case.replay.keep_failing("lookup", Reply(status=410))
        assert isinstance(case.trouble("lookup"), Gone)


@pytest.mark.parametrize("retry_after", [None, "7"])
def test_asks_to_slow_down(case: Case, request_: str, retry_after: str | None) -> None:
    headers = {"Retry-After": retry_after} if retry_after else {}
    case.replay.fail(request_, Reply(status=429, headers=headers))
    outcome = case.trouble(request_)
    assert isinstance(outcome, (Throttled, Busy))  # of the source, or of another host that has the audio
    otherwise = case.declaration.limit_headers.otherwise if isinstance(outcome, Throttled) else None
    assert outcome.retry_after == (7 if retry_after else otherwise and otherwise.total_seconds())
    assert case.replay.asked[request_] == 1


PASSING: dict[str, Any] = {
    "500": Reply(status=500),
    "502": Reply(status=502, body=b"<html>Bad gateway</html>"),
    "503": Reply(status=503),
    "504": Reply(status=504),
    "hang": Reply(silent=True),
    "hang up": b"",
    "reset": Reply(body=b"half of something", cut=0, then="reset"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_trouble_is_unavailable_and_leaves_no_trace(case: Case, request_: str, fault: str) -> None:
    case.replay.fail(request_, PASSING[fault])
    case.read_timeout = 0.3 if fault == "hang" else case.read_timeout
    of_another_host = case.fixture.exchanges[request_].at == "other"
    assert isinstance(case.trouble(request_), Busy if of_another_host else Unavailable)
    assert case.replay.asked[request_] == 1, "retries belong to the queue, where they are paced"
    case.read_timeout = 10.0
    assert case.operations[request_]()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_ends_early_is_unavailable(case: Case, request_: str, framing: Any) -> None:
    whole = case.replay.reply(request_)
    cut = Reply(headers=whole.headers, body=whole.body, framing=framing, cut=len(whole.body) // 2)
    case.replay.fail(request_, cut)
    assert isinstance(case.trouble(request_), Unavailable)


NONSENSE = {
    "a sign-in page": SIGN_IN,
    "another page": PLAIN_PAGE,
    "a message": BUSY,
    "nothing": Reply(),
    "a number": Reply(body=b"12"),
    "null": Reply(body=b"null"),
    "an array": Reply(body=b"[1, null, {}]"),
    "deep nesting": Reply(body=DEEP),
    "deep elements": Reply(body=b"<a>" * 20_000 + b"</a>" * 20_000),
    "too much": HUGE,
    "an entity bomb": Reply(headers={"Content-Type": "text/xml"}, body=BOMB),
    "no UTF-8": Reply(body=b"\xff\xfe\x00"),
    "compressed": Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b"),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_never_an_empty_list(case: Case, nonsense: str) -> None:
    case.replay.keep_failing("list", NONSENSE[nonsense])
    with suppress(OfTheSource):
        page = case.first_page()
        assert page.problem, "a page whose rows make no sense has to say so"
        assert not page.recordings


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_no_recording(case: Case, nonsense: str) -> None:
    case.replay.keep_failing("lookup", NONSENSE[nonsense])
    if case.excepted("lookup_by_listing"):
        with_nothing_known(case)
    else:
        assert not isinstance(case.trouble("lookup"), Gone)


def with_nothing_known(case: Case) -> None:
    with suppress(OfTheSource):
        described = case.describe()
        assert (described.id, described.recorded_at) == (case.fixture.ids[0], None)


def test_another_recording_than_was_asked_for_is_not_taken(case: Case) -> None:
    case.replay.keep_failing("lookup", case.replay.reply("lookup", number=1))
    if case.excepted("lookup_by_listing"):
        with_nothing_known(case)
    else:
        assert isinstance(case.trouble("lookup"), Rejected | NotFound)


def test_a_refused_cursor_is_told_from_other_trouble(case: Case) -> None:
    if case.excepted("cursors_never_expire"):
        case.replay.keep_failing("last", Reply(status=400))
        assert isinstance(case.trouble("last"), OfTheSource)
    else:
        case.replay.keep_failing("last", case.replay.reply("refused"))
        assert isinstance(case.trouble("last"), CursorRefused)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_do_not_follow_a_redirect_to_another_host(case: Case, own_request: str, status: int) -> None:
    case.replay.keep_failing(own_request, redirect(f"{case.replay.other.url}{ELSEWHERE}", status))
    asks_with_a_body = case.fixture.exchanges[own_request].method != "GET"
    with suppress(OfTheRecording, OfTheSource):
        case.operations[own_request]()
    assert bool(case.replay.other.requests) is not asks_with_a_body
    case.assert_other_hosts_saw_no_secret()


def test_a_redirect_never_leads_to_a_machine_s_metadata(case: Case, request_: str) -> None:
    case.replay.keep_failing(request_, redirect(MACHINE_METADATA, 302))
    outcome = str(case.trouble(request_))
    assert "metadata address" in outcome or "another host" in outcome


def test_private_addresses_are_not_asked_unless_the_source_allows_it(case: Case) -> None:
    case.guarded = True
    for request_ in ("list", "lookup"):
        case.trouble(request_)
    assert case.replay.own.requests == []


def test_a_link_to_a_private_address_is_not_followed_unless_the_source_allows_it(case: Case) -> None:
    recording = case.recording()
    asked = len(case.replay.own.requests)
    case.guarded = True
    with pytest.raises(Outcome):
        case.fetched(recording)
    assert len(case.replay.own.requests) == asked
    assert case.replay.other.requests == []


def test_an_id_is_found_however_it_is_written(case: Case) -> None:
    if not case.fixture.also_written:
        pytest.skip("its ids are written in one way")
    for written in case.fixture.also_written:
        assert case.provider().describe(written).id == case.fixture.ids[0]


def test_an_endless_cursor_goes_on_without_an_error(case: Case) -> None:
    """Ending it is the listing's business; each page by itself is in order."""
    case.replay.endless = True
    page = case.first_page()
    for _ in range(3):
        if page.next_cursor is None:
            break
        page = case.provider().page(case.fixture.window, page.next_cursor)
        assert {recording.id for recording in page.recordings} <= set(case.fixture.ids)


def test_what_a_request_carries_differs_by_window(case: Case) -> None:
    """A provider that never tells the window to the server would read everything again each time."""
    case.first_page()
    asked = case.replay.own.requests[-1]
    window = case.fixture.window
    half = type(window)(start=window.start + (window.end - window.start) / 2, end=window.end)
    case.provider().page(half, None)
    assert said(case.replay.own.requests[-1]) != said(asked)


def said(seen: Seen) -> tuple[object, ...]:
    return seen.path, seen.query, seen.body
