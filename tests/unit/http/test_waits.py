"""A provider's own words for slowing down, and what becomes of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from functions.archiver.errors import Throttled
from functions.archiver.http.waits import requested_wait, wait_after_refusal, wait_when_used_up
from functions.archiver.provider.declaration import LimitHeaders
from tests.doubles.http_client import Slots, fetch, http_to
from tests.doubles.http_server import HttpServer, Reply

DIALECT = LimitHeaders(
    wait=("Retry-After", "X-Reset"), remaining=("X-Remaining",), otherwise=timedelta(seconds=30), too_fast=(429, 403)
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("0", 0), ("3600", 3600), ("45000", 45), ("0.5", 0.5), ("-3", None), ("soon", None), ("", None)],
)
def test_a_reset_of_undocumented_unit_is_a_wait_that_makes_sense(text: str, seconds: float | None) -> None:
    assert requested_wait({"X-Reset": text}, DIALECT) == seconds


@pytest.mark.parametrize("in_milliseconds", [False, True])
def test_a_reset_may_be_a_moment_of_unix_time(in_milliseconds: bool) -> None:
    moment = time.time() + 40
    text = str(int(moment * 1000 if in_milliseconds else moment))
    assert 38 <= (requested_wait({"X-Reset": text}, DIALECT) or 0) <= 40
    assert requested_wait({"X-Reset": str(int(time.time() - 40))}, DIALECT) == 0


@pytest.mark.parametrize("header", ["Retry-After", "X-Reset"])
@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_a_wait_may_be_an_iso_time(header: str, zone: str) -> None:
    moment = (datetime.now(UTC) + timedelta(minutes=10)).replace(tzinfo=None, microsecond=0)
    assert 590 <= (requested_wait({header: f"{moment.isoformat()}{zone}"}, DIALECT) or 0) <= 600


def test_the_first_header_that_says_something_counts() -> None:
    assert requested_wait({"Retry-After": "5", "X-Reset": "50"}, DIALECT) == 5
    assert requested_wait({"Retry-After": "whenever", "X-Reset": "50"}, DIALECT) == 50


def test_a_refusal_that_says_nothing_waits_as_documented() -> None:
    assert wait_after_refusal({}, DIALECT) == 30
    assert wait_after_refusal({}, LimitHeaders()) is None


@pytest.mark.parametrize(("remaining", "wait"), [("0", 50), ("0.0", 50), ("1", None), ("none", None), ("", None)])
def test_the_last_request_of_a_period_is_the_last(remaining: str, wait: float | None) -> None:
    assert wait_when_used_up({"X-Remaining": remaining, "X-Reset": "50"}, DIALECT) == wait


def test_a_status_that_means_too_fast_slows_the_source_down(server: HttpServer, slots: Slots) -> None:
    server.on("/audio", Reply(status=403, headers={"X-Reset": "12"}))
    with pytest.raises(Throttled) as caught:
        fetch(http_to(server.url, slots, limit_headers=DIALECT))
    assert caught.value.retry_after == 12
    assert slots.held == []


def test_an_answer_that_uses_the_last_request_up_holds_the_source(server: HttpServer, slots: Slots) -> None:
    server.on("/audio", Reply(body=b"x", headers={"X-Remaining": "0", "X-Reset": "12"}))
    assert fetch(http_to(server.url, slots, limit_headers=DIALECT)) == b"x"
    assert slots.held == [12]


def test_another_host_holds_nothing(server: HttpServer, elsewhere: HttpServer, slots: Slots) -> None:
    elsewhere.on("/audio", Reply(body=b"x", headers={"X-Remaining": "0", "X-Reset": "12"}))
    token_origin = {"token": elsewhere.url}
    http = http_to(server.url, slots, limit_headers=DIALECT, origins=token_origin)
    fetch(http, f"{elsewhere.url}/audio")
    assert slots.held == []
