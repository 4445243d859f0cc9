"""What is peculiar to DialogTech; what every provider has to do is in the contract's tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.archiver.errors import (
    CursorRefused,
    Misconfigured,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    Unauthorized,
    Unavailable,
    Unverified,
)
from functions.archiver.http.responses import ANSWER_BYTES
from functions.archiver.listing.listing import sensible
from functions.archiver.provider.delivery import Delivery
from functions.archiver.provider.provider import Account
from functions.archiver.recording import Json, Recording, Window
from functions.archiver.secret import Secret
from functions.providers.dialogtech import SCRIPT, DialogTech
from tests.doubles.http_client import http_to
from tests.doubles.http_server import Answering, HttpServer, Reply, Seen

KEYS = {"access_key": Secret("pub-1234"), "secret_access_key": Secret("hidden-5678")}
ONE_LIST: Mapping[str, Json] = {"lists": [{"type": "findme", "id": 7}]}
BY_REPORT: Mapping[str, Json] = {"call_detail": True}
NO_RESULTS = Reply(status=404, body=b"<response><result>failed</result>"
                   b"<result_description>No results returned</result_description></response>")  # fmt: skip


def failed(description: str, status: int = 404) -> Reply:
    text = f"<response><result>failed</result><result_description>{description}</result_description></response>"
    return Reply(status=status, body=text.encode())


def listed(*rows: Mapping[str, str], tag: str = "recording") -> Reply:
    fields = ("".join(f"<{name}>{value}</{name}>" for name, value in row.items()) for row in rows)
    data = "".join(f"<{tag}>{each}</{tag}>" for each in fields)
    return Reply(body=f"<response><result>success</result><data>{data}</data></response>".encode())


def row(sid: str, date: str = "2026-01-05 12:00:00", **fields: str) -> dict[str, str]:
    return {"sid": sid, "dnis": "8475551234", "minutes": "5.3", "date": date, **fields}


def by_action(**answers: Answering) -> Callable[[Seen], Any]:
    """Answers by the action's last word, which may be a function of the request."""

    def answer(seen: Seen) -> Any:
        reply = answers[seen.query["action"].rpartition(".")[2]]
        return reply(seen) if callable(reply) else reply

    return answer


def day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


WINDOW = Window(start=day("2026-01-01"), end=day("2026-01-10"))


def provider_at(server: HttpServer, options: Mapping[str, Json] = ONE_LIST) -> DialogTech:
    http = http_to(server.url, secrets=list(KEYS.values()))
    return DialogTech(http, Account(source="here", base_url=server.url, credentials=KEYS, options=options))


def ids(recordings: Any) -> list[str]:
    return [recording.id for recording in recordings]


def audio_of(provider: DialogTech, sid: str = "0907065723240097") -> bytes:
    with provider.open(Recording(id=sid)) as opened:
        return b"".join(opened.body.chunks())


# listing


def test_leading_zeros_of_a_sid_are_kept(server: HttpServer) -> None:
    server.on(SCRIPT, listed(row("0907065723240097"), row("123456789101112")))
    assert ids(provider_at(server).page(WINDOW, None).recordings) == ["0907065723240097", "123456789101112"]


def test_an_empty_list_which_comes_as_404_is_no_error(server: HttpServer) -> None:
    server.on(SCRIPT, NO_RESULTS)
    page = provider_at(server).page(WINDOW, None)
    assert (page.recordings, page.rows, page.next_cursor, page.problem) == ([], 0, None, None)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (failed("File not found"), Unavailable),
        (failed("Parameter id is required", 400), Unavailable),
        (failed("Invalid api_key", 401), Unauthorized),
        (failed("Invalid api_key", 200), Unauthorized),
        (Reply(status=404, body=b"<html>no such page</html"), Unavailable),
    ],
)
def test_another_failure_of_a_list_is_never_an_empty_list(
    server: HttpServer, reply: Reply, outcome: type[Outcome]
) -> None:
    server.on(SCRIPT, reply)
    with pytest.raises(outcome):
        provider_at(server).page(WINDOW, None)


def test_rows_outside_of_the_window_are_left_out_and_counted_as_sent(server: HttpServer) -> None:
    server.on(SCRIPT, listed(row("1", "2025-12-31 23:59:59"), row("2"), row("3", "2026-01-10 00:00:01")))
    page = provider_at(server).page(WINDOW, None)
    assert (ids(page.recordings), page.rows) == (["2"], 3)


def test_all_lists_are_one_page(server: HttpServer) -> None:
    def answer(seen: Seen) -> Reply:
        return listed(row(seen.query["id"] + "0"), row("shared"))

    lists: Mapping[str, Json] = {"lists": [{"type": "findme", "id": 7}, {"type": "survey", "id": 8}]}
    server.on(SCRIPT, answer)
    page = provider_at(server, lists).page(WINDOW, None)
    assert (ids(page.recordings), page.next_cursor) == (["70", "80", "shared"], None)
    assert [seen.query["type"] for seen in server.requests] == ["findme", "survey"]


def test_many_long_lists_make_a_page_that_can_be_worked_with(server: HttpServer) -> None:
    server.on(SCRIPT, lambda seen: listed(*(row(f"{seen.query['id']}-{number}") for number in range(2_500))))
    provider = provider_at(server, {"lists": [{"type": "findme", "id": n} for n in range(10)]})
    page = sensible(provider.page(WINDOW, None), page_size=provider.declaration.page_size)
    assert (len(page.recordings), page.problem) == (25_000, None)


def test_a_list_that_is_too_long_to_be_read_is_named_and_hides_no_other(server: HttpServer) -> None:
    long = Reply(body=b" " * (ANSWER_BYTES + 1))
    server.on(SCRIPT, lambda seen: long if seen.query["id"] == "7" else listed(row("1")))
    provider = provider_at(server, {"lists": [{"type": "findme", "id": 7}, {"type": "survey", "id": 8}]})
    page = provider.page(WINDOW, None)
    assert (ids(page.recordings), page.problem) == (["1"], "the list of findme 7 is too long to be read")
    assert provider.describe("1").to_number == "8475551234"


def test_dates_are_read_in_the_account_s_zone(server: HttpServer) -> None:
    server.on(SCRIPT, listed(row("1", "2026-01-05 20:42:11")))
    page = provider_at(server, {**ONE_LIST, "timezone": "America/Chicago"}).page(WINDOW, None)
    assert page.recordings[0].recorded_at == day("2026-01-06T02:42:11")
    assert page.recordings[0].recorded_at_raw == "2026-01-05 20:42:11"


@pytest.mark.parametrize("hour", [6, 7])
def test_an_hour_that_comes_twice_is_found_in_the_window_of_either(server: HttpServer, hour: int) -> None:
    server.on(SCRIPT, listed(row("1", "2026-11-01 01:30:00")))
    start = day("2026-11-01") + dt.timedelta(hours=hour)
    window = Window(start=start, end=start + dt.timedelta(minutes=59))
    page = provider_at(server, {**ONE_LIST, "timezone": "America/Chicago"}).page(window, None)
    assert ids(page.recordings) == ["1"]
    assert page.recordings[0].recorded_at == day("2026-11-01T06:30:00")


@pytest.mark.parametrize("date", ["", "yesterday", "0001-01-01 00:00:00"])
def test_a_recording_without_a_usable_date_is_found_nevertheless(server: HttpServer, date: str) -> None:
    server.on(SCRIPT, listed(row("1", date)))
    page = provider_at(server, {**ONE_LIST, "timezone": "Asia/Tokyo"}).page(WINDOW, None)
    assert [(each.id, each.recorded_at) for each in page.recordings] == [("1", None)]


def test_a_row_without_a_sid_makes_its_page_unclean(server: HttpServer) -> None:
    server.on(SCRIPT, listed(row(""), row("2")))
    page = provider_at(server).page(WINDOW, None)
    assert (ids(page.recordings), page.problem) == (["2"], "1 row has no usable SID: number 1 of 2")


def test_the_report_is_asked_for_by_days_of_the_account_s_zone(server: HttpServer) -> None:
    server.on(SCRIPT, NO_RESULTS)
    provider_at(server, {**BY_REPORT, "timezone": "America/Chicago"}).page(
        Window(start=day("2026-01-05T03:00"), end=day("2026-01-05T07:00")), None
    )
    assert [(seen.query["start_date"], seen.query["end_date"]) for seen in server.requests] == [
        ("20260104", "20260105")
    ]


def test_calls_without_enhanced_minutes_have_no_recording(server: HttpServer) -> None:
    calls = [{"sid": sid, "date_added": "2026-01-05 12:00:00"} for sid in "1234"]
    calls[0]["enhanced_minutes"], calls[1]["enhanced_minutes"], calls[2]["enhanced_minutes"] = "0.0", "1.2", "?"
    server.on(SCRIPT, listed(*calls, tag="call"))
    page = provider_at(server, BY_REPORT).page(Window(start=day("2026-01-05"), end=day("2026-01-06")), None)
    assert ids(page.recordings) == ["2", "3", "4"]


def test_quiet_weeks_of_the_report_are_passed_over_and_the_lists_come_once_at_the_end(server: HttpServer) -> None:
    def report(seen: Seen) -> Reply:
        busy = seen.query["start_date"] == "20260115"
        return listed({"sid": "1", "date_added": "2026-01-16 00:00:00"}) if busy else NO_RESULTS

    server.on(SCRIPT, by_action(call_detail=report, list=listed(row("2"), row("old", "2020-01-01 00:00:00"))))
    provider = provider_at(server, {**ONE_LIST, **BY_REPORT})
    window = Window(start=day("2026-01-01"), end=day("2026-02-01"))
    first = provider.page(window, None)
    second = provider.page(window, first.next_cursor)
    assert (ids(first.recordings), first.next_cursor) == (["1"], "3")
    assert (ids(second.recordings), second.rows, second.next_cursor) == (["2"], 1, None)
    assert [seen.query["action"] for seen in server.requests] == ["report.call_detail"] * 5 + ["recording.list"]


@pytest.mark.parametrize("cursor", ["9", "x", "-1", ""])
def test_a_cursor_that_is_none_of_the_window_is_refused(server: HttpServer, cursor: str) -> None:
    with pytest.raises(CursorRefused):
        provider_at(server, BY_REPORT).page(WINDOW, cursor)


# audio


def test_the_wanted_format_and_rate_are_asked_for(server: HttpServer) -> None:
    server.on(SCRIPT, Reply(body=b"RIFF...."))
    provider = provider_at(server, {**ONE_LIST, "format": "mp3", "sample_rate": 44100})
    assert audio_of(provider) == b"RIFF...."
    assert server.requests[0].query == {
        "action": "recording.download",
        "access_key": "pub-1234",
        "secret_access_key": "hidden-5678",
        "sid": "0907065723240097",
        "format": "mp3",
        "sample_rate": "44100",
    }


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (failed("The requested recording is currently being processed by the system.", 202), NotReady),
        (failed("Parameter sid is required", 400), Rejected),
        (failed("Invalid api_key", 401), Unauthorized),
        (failed("File not found"), NotFound),
        (failed("No results returned"), NotFound),
        (failed("Error in retrieving recording"), Rejected),
        (failed("The requested recording is currently being processed by the system.", 200), NotReady),
        (failed("File not found", 200), NotFound),
        (failed("Out of cheese", 200), Rejected),
        (Reply(body=b"\xef\xbb\xbf\n <response><result>failed</result></response>"), Rejected),
        (Reply(body=b"<html>oops"), Rejected),
    ],
)
def test_a_failure_is_told_by_status_and_description_together(
    server: HttpServer, reply: Reply, outcome: type[Outcome]
) -> None:
    server.on(SCRIPT, reply)
    with pytest.raises(Outcome) as raised:
        audio_of(provider_at(server))
    assert type(raised.value) is outcome


def test_a_description_that_quotes_the_keys_is_masked(server: HttpServer) -> None:
    server.on(SCRIPT, failed("refused secret_access_key hidden-5678", 400))
    with pytest.raises(Rejected) as raised:
        audio_of(provider_at(server))
    assert "refused" in raised.value.reason
    assert "hidden-5678" not in raised.value.reason


# one recording by its SID


def test_a_sid_alone_is_searched_for_in_the_lists_only_as_far_as_needed(server: HttpServer) -> None:
    server.on(SCRIPT, listed(row("1")))
    found = provider_at(server, {"lists": [{"type": "findme", "id": n} for n in (1, 2, 3)]}).describe("1")
    assert (found.to_number, len(server.requests)) == ("8475551234", 1)


def test_a_sid_that_is_nowhere_can_still_be_fetched(server: HttpServer) -> None:
    server.on(SCRIPT, NO_RESULTS)
    assert provider_at(server, BY_REPORT).describe("1") == Recording(id="1", call_id="1")


def test_removing_asks_for_it_to_be_done_now(server: HttpServer) -> None:
    server.on(
        SCRIPT,
        Reply(body=b"<response><result>success</result><result_description>gone</result_description></response>"),
    )
    assert provider_at(server).delete(Recording(id="1")) == "gone"
    assert (server.requests[0].query["sid"], server.requests[0].query["delete_now"]) == ("1", "1")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (failed("It is currently being processed by the system.", 202), NotReady),
        (failed("Error in removing recording"), Rejected),
        (failed("File not found"), NotFound),
    ],
)
def test_a_recording_that_could_not_be_removed_is_not_reported_as_removed(
    server: HttpServer, reply: Reply, outcome: type[Outcome]
) -> None:
    server.on(SCRIPT, reply)
    with pytest.raises(outcome):
        provider_at(server).delete(Recording(id="1"))


def test_an_upload_names_building_block_and_path(server: HttpServer) -> None:
    server.on(SCRIPT, listed())
    provider_at(server).upload(kind="findme", target_id="1234", path="https://example.com/audio.wav")
    query = server.requests[0].query
    assert (query["type"], query["id"], query["path"]) == ("findme", "1234", "https://example.com/audio.wav")


# events and options


def delivery(body: bytes = b"", secret: str = "hook", **query: str) -> Delivery:
    headers = {"x-webhook-secret": secret}
    return Delivery(headers=headers, query=query, body=body, received_at=day("2026-01-01"))


@pytest.mark.parametrize(
    "event", [delivery(b'{"sid": "007"}'), delivery(b"sid=007&x=1"), delivery(sid="007")], ids=["json", "form", "query"]
)
def test_an_event_names_a_sid_whose_audio_may_not_be_there_yet(server: HttpServer, event: Delivery) -> None:
    hint = provider_at(server).event(event, [Secret("hook")])
    assert (hint.recording_id, hint.ready) == ("007", False)


def test_an_event_without_the_secret_is_not_believed(server: HttpServer) -> None:
    with pytest.raises(Unverified):
        provider_at(server).event(delivery(sid="007", secret="other"), [Secret("hook")])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lists": [], "call_detail": False},
        {"lists": [{"type": "findme", "id": "7x"}]},
        {"lists": [{"type": "all", "id": 7}]},
        {**ONE_LIST, "timezone": "Mars/Phobos"},
        {**ONE_LIST, "timezone": "../../etc/passwd"},
        {**ONE_LIST, "sample_rate": 16000},
        {**ONE_LIST, "sample_rate": 11000, "format": "mp3"},
    ],
)
def test_options_that_cannot_work_are_named_when_the_client_is_built(
    server: HttpServer, options: Mapping[str, Json]
) -> None:
    with pytest.raises(Misconfigured):
        provider_at(server, options)
