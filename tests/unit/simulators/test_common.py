"""What holds for every simulator, and the audio that they serve."""

from __future__ import annotations

import hashlib
import io
import wave
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from functions.archiver.http.waits import wait_after_refusal
from functions.providers import load as provider
from simulators.__main__ import PROVIDERS, load
from simulators.audio import MP3_FRAME_BYTES, Audio
from simulators.faults import Fault
from simulators.server import HOSTILE_IDS
from tests.doubles.plain_http import SMALL, START, ask


class TestAudio:
    @pytest.mark.parametrize("rate", [8_000, 44_100])
    def test_a_wav_plays_for_as_long_as_it_says(self, rate: int) -> None:
        audio = Audio(format="wav", seed="a", wanted_bytes=100_000, rate=rate)
        with wave.open(io.BytesIO(audio.read())) as read:
            assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (rate, 1, 2)
            assert len(read.readframes(10**9)) == audio.size - 44
            assert read.getnframes() * 1000 // rate == audio.duration_ms

    def test_an_mp3_is_made_of_whole_frames(self) -> None:
        audio = Audio(format="mp3", seed="a", wanted_bytes=50_000)
        data = audio.read()
        frames = [data[at : at + MP3_FRAME_BYTES] for at in range(0, len(data), MP3_FRAME_BYTES)]
        assert len(data) == audio.size == len(frames) * MP3_FRAME_BYTES
        assert {frame[:4].hex() for frame in frames} == {"fff338c4"}
        assert len(set(frames)) > 20

    @pytest.mark.parametrize("form", ["wav", "mp3"])
    def test_audio_is_the_same_each_time_and_another_for_another_seed(self, form: Any) -> None:
        first, second = (Audio(format=form, seed=seed, wanted_bytes=900) for seed in "ab")
        assert first.read() == first.read() != second.read()
        assert first.sha256 == hashlib.sha256(first.read()).hexdigest()

    def test_a_gigabyte_is_made_piece_by_piece(self) -> None:
        audio = Audio(format="wav", seed="a", wanted_bytes=2**30)
        pieces = audio.chunks()
        assert audio.size == 2**30
        assert max(len(next(pieces)) for _ in range(20)) <= 65_536


class TestEverySimulator:
    @pytest.fixture(params=[load(name) for name in PROVIDERS])
    def kind(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    def test_more_requests_in_a_minute_than_its_rate_are_refused(self, kind: Any) -> None:
        with kind(recordings=1, rate=3, **SMALL) as simulator:
            got = [ask(f"{simulator.base_url}/nothing") for _ in range(4)]
        assert [each.status == 429 for each in got] == [False, False, False, True]
        # Each says in its provider's own words when to come back; a moment is rounded up to whole seconds.
        told = CaseInsensitiveDict(got[-1].headers)
        assert 1 <= (wait_after_refusal(told, provider(kind.name).declaration.limit_headers) or 0) <= 62

    def test_the_same_seed_holds_the_same_recordings(self, kind: Any) -> None:
        first, again, other = (kind(recordings=20, seed=seed, **SMALL) for seed in (1, 1, 2))
        assert list(first.truth()) == list(again.truth())
        assert not first.recordings.keys() & other.recordings.keys()
        assert len({recording.sha256 for recording in first.recordings.values()}) == 20

    def test_recordings_lie_within_the_span(self, kind: Any) -> None:
        moments = [recording.recorded_at for recording in kind(recordings=20, **SMALL).rows()]
        assert START <= moments[0] < moments[-1] <= START + SMALL["span"]

    def test_hostile_ids_and_unfinished_recordings_come_on_demand(self, kind: Any) -> None:
        simulator = kind(recordings=5, unfinished=2, hostile_ids=True, **SMALL)
        assert set(HOSTILE_IDS) < simulator.recordings.keys()
        assert [recording.state for recording in simulator.recordings.values()].count("unfinished") == 2

    def test_an_error_has_the_providers_own_form_and_then_is_over(self, kind: Any) -> None:
        with kind(recordings=1, **SMALL) as simulator:
            for where in ("list", "unknown"):
                simulator.faults.add(Fault("status", where=where, value=503, retry_after=7))
            path = {"babelforce": "/api/v2/recordings", "telesign": "/v2/call_recording"}.get(kind.name, "/nowhere")
            first, second = ask(simulator.base_url + path), ask(simulator.base_url + path)
        assert (first.status, first.headers["retry-after"]) == (503, "7")
        assert second.status in (401, 404)
        assert first.headers["content-type"] == simulator.error(503).content_type
