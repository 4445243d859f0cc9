"""Findings of a security review: each test states the rule that holds since."""

from __future__ import annotations

import hmac
import json
import re
import subprocess
import time
import zipfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from functions.archiver.entry import DiscoveredBy
from functions.archiver.errors import BadEvent, Rejected, Unavailable, Unverified
from functions.archiver.http.auth import TokenAuth
from functions.archiver.ledger.table import Unacceptable
from functions.archiver.listing.listing import sensible
from functions.archiver.provider.delivery import Delivery, Hint
from functions.archiver.provider.json_values import number_of
from functions.archiver.provider.provider import Account, Provider
from functions.archiver.recording import Call, Page, Readiness, Recording
from functions.archiver.secret import Secret, masked
from functions.archiver.throttling.lanes import read
from functions.providers import load
from functions.providers.kazoo import YEAR_ZERO
from ops.importing.unpacking import Limits, members
from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.doubles.http_client import fetch, http_to
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.archiving import ArchivingBench

KEY = "a/b+c==~Zoë 42"
FORMS = [
    KEY,
    quote(KEY, safe=""),
    re.sub("%..", lambda escape: escape[0].lower(), quote(KEY, safe="")),
    quote_plus(KEY),
    quote(quote(KEY, safe=""), safe=""),
    b64encode(KEY.encode()).decode(),
    b64encode(b"i:" + KEY.encode()).decode(),
    b64encode(b"id:" + KEY.encode() + b":more").decode(),
    b64encode(KEY.encode()).decode().replace("+", "-").replace("/", "_").rstrip("="),
    quote(b64encode(KEY.encode()).decode(), safe=""),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_redirect_to_another_host_never_repeats_a_credential(form: str) -> None:
    with HttpServer() as home, HttpServer() as other:
        there = other.url.replace("127.0.0.1", "localhost")
        other.on("/x", Reply(body=b"x"))
        home.on("/audio", Reply(status=301, headers={"Location": f"{there}/x?next={quote(form, safe='%')}"}))
        http = http_to(home.url, secrets=[Secret(KEY)])
        with pytest.raises(Rejected, match="to another host with our credentials"):
            fetch(http)
        assert other.requests == []
        home.on("/audio", Reply(status=301, headers={"Location": f"{there}/x?next=%2Fsomething%2Felse"}))
        assert fetch(http) == b"x"


def test_a_fetched_token_is_as_secret_as_what_it_was_fetched_with() -> None:
    with HttpServer() as home, HttpServer() as other:
        auth = TokenAuth(lambda: ("token-that-was-fetched", 3600.0), header="Authorization", scheme="Bearer")
        there = other.url.replace("127.0.0.1", "localhost")
        home.on("/audio", Reply(status=302, headers={"Location": f"{there}/x?t=token-that-was-fetched"}))
        http = http_to(home.url)
        with pytest.raises(Rejected, match="with our credentials"):
            fetch(http, auth=auth)
        assert other.requests == []
        assert http.quotable("it was token-that-was-fetched") == "it was ***"


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form_it_may_be_quoted_in(form: str) -> None:
    text = masked(f"the URL was {form} and no more", [Secret(KEY)])
    assert "***" in text
    assert text.startswith("the URL was ")
    assert text.endswith(" and no more")
    assert form not in text


def test_what_is_no_secret_is_not_masked() -> None:
    text = "the recording a/b of 2026-03-04 has 42 bytes"
    assert masked(text, [Secret(KEY), Secret("abc"), Secret("")]) == text


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_unpacked_in_pieces_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "dialer.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("call.wav", bytes(1000), method)
        archive.writestr("plain.wav", bytes(1000), zipfile.ZIP_DEFLATED)
    packed, plain = members(path, Limits())
    assert "bounded memory" in str(packed.refused)
    assert plain.refused is None


@pytest.mark.parametrize("name", ["secrets.json", "credentials.json", "archive/audio/x.wav", "secrets.acme.json"])
def test_credentials_and_recordings_are_ignored_by_git(name: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", name], check=False).returncode == 0


# Kazoo's events


def kazoo() -> Provider:
    account = Account(
        source="s",
        base_url="https://k.example",
        credentials={"auth_token": Secret("t")},
        options={"account_id": "0" * 32},
    )
    return load("kazoo")(http_to("https://k.example"), account)


def delivery(body: str, *, query: Mapping[str, str] | None = None, secret: str = "") -> Delivery:
    headers = {"x-webhook-secret": secret} if secret else {}
    return Delivery(headers=headers, query=query or {}, body=body.encode(), received_at=datetime.now(UTC))


def signed(data: Mapping[str, str], **beside: str) -> str:
    at = int(time.time()) + YEAR_ZERO
    text = f"{at}{json.dumps(data, separators=(',', ':'))}"
    signature = b64encode(hmac.digest(b"s", text.encode(), "sha256")).decode()
    return json.dumps({"timestamp": at, "data": data, "hmac": signature, **beside})


def test_behind_a_signature_only_what_is_signed_names_a_recording() -> None:
    data, secrets = {"type": "call_recording"}, [Secret("s")]
    for event in (delivery(signed(data, id="not signed")), delivery(signed(data), query={"id": "of the query"})):
        with pytest.raises(BadEvent):
            kazoo().event(event, secrets)
    said = kazoo().event(delivery(signed({**data, "id": "one"}, id="two")), secrets)
    assert said == Hint(recording_id="one", ready=False)


def test_a_body_that_nobody_signed_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Delivery, "json", lambda self: pytest.fail("it was parsed"))
    large = json.dumps({"timestamp": 1, "hmac": "A" * 43 + "=", "data": [1.1] * 60_000})
    for body in (large, '{"timestamp":1,"hmac":"short","data":[1]}', "[" * 30_000):
        with pytest.raises(Unverified):
            kazoo().event(delivery(body), [Secret("s")])


def test_a_secret_in_a_header_is_looked_at_first() -> None:
    body = json.dumps({"data": {"id": "one"}})
    assert kazoo().event(delivery(body, secret="s"), [Secret("s")]) == Hint(recording_id="one", ready=False)


# Values that the ledger or the memory cannot hold


def test_a_row_that_the_ledger_cannot_hold_is_named_and_the_others_are_listed(
    aws: Aws, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = ArchivingBench(aws, clock)
    real = bench.ledger.insert

    def insert(recording: Recording, discovered_by: DiscoveredBy) -> bool:
        if recording.id == "poison":
            raise Unacceptable("Item size has exceeded the maximum allowed size")
        return real(recording, discovered_by)

    monkeypatch.setattr(bench.ledger, "insert", insert)
    monkeypatch.setattr(bench.intake, "room", lambda: 0)
    taken = bench.intake.take([Recording(id="poison"), Recording(id="good")], "schedule")
    assert (taken.new, taken.unstorable) == (("good",), ("poison",))
    assert taken.problem == "1 recordings cannot be stored in the ledger, among them 'poison'"


@pytest.mark.parametrize("number", [5e-324, 1e-200, -1e-300, 10**38 - 1, 10**400, 1e300])
def test_no_number_is_one_that_the_ledger_refuses(aws: Aws, clock: FakeClock, number: float) -> None:
    bench = ArchivingBench(aws, clock)
    row = Recording(id="odd", duration_seconds=number_of(number), raw={"duration": number})
    assert bench.intake.take([row], "schedule").new == ("odd",)
    assert bench.entry("odd").recording.duration_seconds in (0, None)


def test_a_cursor_without_measure_is_an_outcome() -> None:
    page = Page(recordings=(), rows=1, next_cursor="x" * 500_000)
    with pytest.raises(Unavailable, match="a cursor of more than 8192 characters"):
        sensible(page, page_size=100)


def test_a_page_of_far_more_rows_than_were_asked_for_is_an_outcome() -> None:
    assert sensible(Page(recordings=(), rows=1000), page_size=100).rows == 1000
    with pytest.raises(Unavailable, match="1001 rows in a page, where at most 1000 make sense"):
        sensible(Page(recordings=(), rows=1001), page_size=100)


@pytest.mark.parametrize("size", [10_000, 150_000, 3_000_000])
def test_a_large_document_of_the_provider_is_kept_whole(aws: Aws, clock: FakeClock, size: int) -> None:
    bench = ArchivingBench(aws, clock)
    document = {f"field{n}": "vvvvv-Zoë " * 50 for n in range(size // 500)}
    bench.intake.take([Recording(id="rec", raw=document)], "schedule")
    assert bench.entry("rec").recording.raw == document


# Whatever an event alone names


def test_made_up_hints_never_go_before_real_recordings(aws: Aws, clock: FakeClock) -> None:
    bench = ArchivingBench(aws, clock)
    for n in range(30):
        bench.ledger.insert(Recording(id=f"real{n}", recorded_at=clock.now(), raw={"a": 1}), "schedule")
    for n in range(60):
        bench.intake.take_hint(Recording(id=f"made-up{n}", readiness=Readiness.NOT_READY))
    clock.advance(timedelta(minutes=2))
    for room in (1, 4, 10, 20, 40):
        waiting = bench.ledger.due.waiting(room)
        real = sum("#real" in each.pk for each in waiting)
        assert len(waiting) == room
        assert real >= min(30, room - (room + 3) // 4)
    assert sum("made-up" in each.pk for each in bench.ledger.due.waiting(20)) in (5, 6)


def test_hints_that_nobody_confirms_stay_behind(aws: Aws, clock: FakeClock) -> None:
    bench = ArchivingBench(aws, clock)
    bench.intake.take_hint(Recording(id="made-up", readiness=Readiness.NOT_READY))
    clock.advance(timedelta(minutes=2))
    bench.intake.dispatch()
    ticket = replace(read(bench.message()).ticket, hinted=True)
    bench.ledger.mark_missing(ticket, "404", due_in=timedelta())
    (item,) = [item for pk, item in aws.items().items() if pk.endswith("made-up")]
    assert item["due_group"] == "acme#hints"


def test_no_more_hints_are_taken_than_can_be_looked_at(aws: Aws, clock: FakeClock) -> None:
    bench = ArchivingBench(aws, clock)
    assert bench.intake.take_hint(Recording(id="first", readiness=Readiness.NOT_READY))
    clock.advance(timedelta(minutes=12))
    assert not bench.intake.take_hint(Recording(id="next", readiness=Readiness.NOT_READY))
    assert bench.intake.take_calls([Call(call_id="call")], "webhook") == 0
    assert bench.intake.take_calls([Call(call_id="call")], "schedule") == 1
