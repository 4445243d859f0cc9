"""What comes of a provider's answers in the archive: everything once, nothing that is not audio, no secret."""

from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.entry import State
from tests.contract.case import Case
from tests.contract.fixture import audio_of
from tests.contract.harness import Bench
from tests.doubles.aws import Aws
from tests.doubles.http_server import Reply

WAV_HEADER = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
)
WAV_HEADER += b"data\x00\x00\x00\x00"

NO_AUDIO = {
    "a sign-in page": ("text/html", b"<!DOCTYPE html><html><p>Please sign in</p></html>"),
    "a sign-in page that calls itself audio": ("audio/mpeg", b"<!DOCTYPE html><html><p>Please sign in</p></html>"),
    "a message": ("application/json", b'{"message": "The service is busy, please come back later"}'),
    "a message that calls itself audio": ("audio/x-wav", b'{"message": "The service is busy"}'),
    "an XML message": ("text/xml", b"<response><result>failed</result><reason>The service is busy</reason></response>"),
    "an entity bomb": ("text/xml", b'<!DOCTYPE r [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><r><result>&b;</result></r>'),
    "a WAV header alone": ("audio/x-wav", WAV_HEADER),
    "an MP3 tag alone": ("audio/mpeg", b"ID3\x04\x00\x00\x00\x00\x00\x0a" + b"\x00" * 10),
    "a picture": ("audio/mpeg", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100),
    "zeros": ("application/octet-stream", b"\x00" * 5000),
    "nothing": ("audio/mpeg", b""),
}


@pytest.fixture
def bench(case: Case, aws: Aws) -> Bench:
    return Bench(case, aws)


def test_every_recording_is_archived_with_its_very_bytes_and_no_secret(case: Case, bench: Bench) -> None:
    kind = case.fixture.exchanges["media"].audio
    assert kind
    recordings = [*case.first_page().recordings, *case.second_page().recordings]
    for recording in recordings:
        report = bench.archive(recording)
        assert (report.outcome, report.reason) == ("archived", None)
    assert sorted(bench.audio()) == sorted(audio_of(id_, kind) for id_ in case.fixture.ids)
    case.assert_tells_no_secret(bench.everything_written(), "the archive")


@pytest.mark.parametrize("what", NO_AUDIO)
def test_what_is_not_audio_is_never_archived(case: Case, bench: Bench, what: str) -> None:
    content_type, body = NO_AUDIO[what]
    recording = case.recording()
    case.replay.keep_failing("media", Reply(headers={"Content-Type": content_type}, body=body))
    report = bench.archive(recording)
    assert report.outcome not in ("archived", "gone")
    assert report.reason
    case.assert_tells_no_secret(report.reason, "the reason")
    assert bench.state(recording) in (State.PENDING, State.QUARANTINED)
    assert bench.audio() == []


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_half_of_the_audio_is_never_archived(case: Case, bench: Bench, framing: Any) -> None:
    recording = case.recording()
    whole = case.replay.reply("media")
    cut = len(whole.body) // 2 | 1
    body = whole.body if framing != "close" else whole.body[:cut]
    half = Reply(headers=whole.headers, body=body, framing=framing, cut=cut if framing != "close" else None)
    case.replay.fail("media", half)
    if framing != "close":  # where no framing shows the cut, a half that always comes alike is all there is
        case.replay.lasting.add("media")
    assert bench.archive(recording).outcome != "archived"
    assert bench.audio() == []


def test_audio_that_changes_while_nothing_tells_its_length_is_never_archived(case: Case, bench: Bench) -> None:
    recording = case.recording()
    whole = case.replay.reply("media")
    bodies = [whole.body[: -200 - 108 * n] for n in range(5)]
    case.replay.fail("media", *(Reply(headers=whole.headers, body=body, framing="close") for body in bodies))
    assert bench.archive(recording).outcome != "archived"
    assert bench.audio() == []


def test_a_listing_finds_everything_once_and_closes_its_window(case: Case, bench: Bench) -> None:
    findings = bench.run_listing()
    assert findings.stopped is None
    assert (bench.ids(), bench.unclean()) == (sorted(case.fixture.ids), ())
    assert findings.new == len(case.fixture.ids)
    case.assert_tells_no_secret(str(findings), "the findings")


def test_an_empty_window_is_closed(case: Case, bench: Bench) -> None:
    case.replay.keep_failing("list", case.replay.reply("empty"))
    case.replay.keep_failing("last", case.replay.reply("empty"))
    assert bench.run_listing().stopped is None
    assert (bench.ids(), bench.unclean()) == ([], ())


def test_an_id_that_two_pages_repeat_is_one_recording(case: Case, bench: Bench) -> None:
    first, _, third = case.fixture.recordings
    same = {str(third[key]): str(first[key]) for key in ("id", "call_id")}
    case.replay.keep_failing("last", case.replay.reply("last", same))
    assert bench.run_listing().stopped is None
    assert bench.ids() == sorted(case.fixture.ids[:2])


def test_a_row_that_moves_up_between_two_pages_is_found(case: Case, bench: Bench) -> None:
    """The first row expires after the first page was read: the third one moves onto that page, unseen."""
    first, second, third = case.fixture.recordings
    moved_up = {str(first[key]): str(second[key]) for key in ("id", "call_id")}
    moved_up |= {str(second[key]): str(third[key]) for key in ("id", "call_id")}
    case.replay.fail("list", case.replay.reply("list"), case.replay.reply("list", moved_up))
    case.replay.lasting.add("list")
    case.replay.keep_failing("last", case.replay.reply("empty"))
    bench.run_listing()
    assert bench.ids() == sorted(case.fixture.ids)


def test_a_cursor_that_never_ends_is_given_up(case: Case, bench: Bench) -> None:
    case.replay.endless = True
    bench.run_listing()
    assert bench.ids() == sorted(case.fixture.ids[:2])
    assert len(case.replay.own.requests) < 100
    page = case.first_page()
    for _ in range(5):
        if page.next_cursor is None:
            return  # its pages end by themselves, whatever the server says
        page = case.provider().page(case.fixture.window, page.next_cursor)
    assert bench.unclean()


def test_a_window_whose_cursor_was_refused_starts_again(case: Case, bench: Bench) -> None:
    if case.excepted("cursors_never_expire"):
        case.replay.fail("last", Reply(status=500))
        assert bench.run_listing().stopped
    else:
        case.replay.fail("last", case.replay.reply("refused"))
    bench.run_listing()
    assert (bench.ids(), bench.unclean()) == (sorted(case.fixture.ids), ())


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_source_in_trouble_stops_the_listing_and_tells_no_secret(case: Case, bench: Bench, status: int) -> None:
    case.replay.keep_failing("list", Reply(status=status))
    findings = bench.run_listing()
    assert findings.stopped
    case.assert_tells_no_secret(findings.stopped, "the reason")
    assert bench.ids() == []
    assert bench.pace.gate().closed_until
