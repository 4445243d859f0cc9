"""Each fault is what it says, shown on babelforce's audio, whose link needs no credentials."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import threading
import wave
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from simulators.audio import MP3_FRAME_BYTES, Audio
from simulators.faults import Fault, parse
from simulators.providers.babelforce import Babelforce
from tests.doubles.plain_http import SMALL, ask, bearer, is_audio_of


@pytest.fixture
def babelforce() -> Iterator[Babelforce]:
    with Babelforce(recordings=25, **SMALL) as simulator:
        yield simulator


class TestFaults:
    """On babelforce's audio, whose link needs no credentials."""

    @pytest.fixture
    def link(self, babelforce: Babelforce) -> str:
        recording = babelforce.rows()[7]
        return f"{babelforce.base_url}/recording/{babelforce.account_uuid}/{recording.id}/stream.wav"

    @pytest.mark.parametrize("kind", ["reset", "early_end", "cut_chunked"])
    def test_a_body_breaks_off(self, babelforce: Babelforce, link: str, kind: str) -> None:
        babelforce.faults.add(Fault(kind))
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            ask(link)
        assert is_audio_of(ask(link), babelforce, babelforce.rows()[7].id)

    @pytest.mark.parametrize("kind", ["no_length", "chunked"])
    def test_a_whole_body_comes_without_a_length(self, babelforce: Babelforce, link: str, kind: str) -> None:
        babelforce.faults.add(Fault(kind))
        got = ask(link)
        assert "content-length" not in got.headers
        assert is_audio_of(got, babelforce, babelforce.rows()[7].id)

    @pytest.mark.parametrize("kind", ["cut_no_length", "wrong_length"])
    def test_half_a_body_looks_whole(self, babelforce: Babelforce, link: str, kind: str) -> None:
        babelforce.faults.add(Fault(kind))
        got, size = ask(link), babelforce.rows()[7].size
        assert got.status == 200
        assert len(got.body) == size // 2 | 1
        assert len(got.body) % MP3_FRAME_BYTES

    @pytest.mark.parametrize(
        ("kind", "beginning"),
        [("html", b"<!DOCTYPE html"), ("json", b"{"), ("bare_header", b"ID3"), ("gzip", b"\x1f\x8b")],
    )
    def test_something_else_comes_with_200(
        self, babelforce: Babelforce, link: str, kind: str, beginning: bytes
    ) -> None:
        babelforce.faults.add(Fault(kind))
        got = ask(link)
        assert got.status == 200
        assert got.body.startswith(beginning)

    def test_a_bare_wav_header_says_that_there_is_no_sound(self) -> None:
        header = Audio(format="wav", seed="a", wanted_bytes=1000).header()
        with wave.open(io.BytesIO(header)) as read:
            assert (len(header), read.getnframes()) == (44, 0)

    def test_a_redirect_leads_to_the_audio_on_another_origin(self, babelforce: Babelforce, link: str) -> None:
        babelforce.faults.add(Fault("redirect"))
        got = ask(link, headers={"Authorization": "x"})
        assert got.status == 302
        assert got.headers["location"].startswith(f"{babelforce.other_url}/")
        assert is_audio_of(ask(got.headers["location"]), babelforce, babelforce.rows()[7].id)
        hops = [(entry.host, entry.credentials, entry.fault) for entry in babelforce.served("media")]
        assert hops == [("own", True, "redirect"), ("other", False, None)]

    def test_a_hanging_answer_ends_with_the_client_or_the_simulator(self, babelforce: Babelforce, link: str) -> None:
        babelforce.faults.add(Fault("hang"))
        split = urlsplit(link)
        connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=0.2)
        with contextlib.closing(connection):
            connection.request("GET", split.path)
            with pytest.raises(TimeoutError):
                connection.getresponse()
        assert is_audio_of(ask(link), babelforce, babelforce.rows()[7].id)

    def test_monstrous_answers_are_as_monstrous_as_promised(self, babelforce: Babelforce) -> None:
        for kind in ("huge", "deep", "entity_bomb"):
            babelforce.faults.add(Fault(kind, where="list", value=300_000))
        url, headers = f"{babelforce.base_url}/api/v2/recordings", bearer(babelforce)
        huge, deep, bomb = (ask(url, headers=headers).body for _ in range(3))
        assert (len(huge), json.loads(huge)["success"]) == (300_000, True)
        assert b"[" * 100_000 in deep
        assert b"<!ENTITY" in bomb

    def test_a_fault_can_skip_requests_and_mean_one_recording(self, babelforce: Babelforce, link: str) -> None:
        babelforce.faults.add(Fault("status", value=410, skip=1, recording_id=babelforce.rows()[7].id))
        other = link.replace(babelforce.rows()[7].id, babelforce.rows()[8].id)
        assert [ask(url).status for url in (link, other, link, link)] == [200, 200, 410, 200]

    def test_a_fault_can_be_written_on_the_command_line(self) -> None:
        written = parse("status,where=list,times=ever,value=503,retry_after=2")
        assert written == Fault("status", where="list", times=None, value=503.0, retry_after=2)
        assert parse("endless").where == "list"
        with pytest.raises(ValueError, match="unknown fault 'sneeze'"):
            parse("sneeze")

    def test_the_log_counts_audio_that_is_under_way_together(self, babelforce: Babelforce, link: str) -> None:
        for _ in range(3):
            ask(link)
        assert babelforce.peak_parallel_media() == 1
        babelforce.faults.add(Fault("hang", times=2))
        opened = [socket.create_connection((urlsplit(link).hostname, urlsplit(link).port)) for _ in range(2)]
        for connection in opened:
            connection.sendall(f"GET {urlsplit(link).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        waiting = threading.Event()
        while len(babelforce.served("media")) < 5:
            waiting.wait(0.01)
        assert babelforce.peak_parallel_media() == 2
        assert babelforce.busiest_window(60) == 5
        for connection in opened:
            connection.close()
