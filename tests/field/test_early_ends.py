"""Bodies that end before their framing does, for good: what comes twice is kept, and what was claimed is noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles import audio_files
from tests.field.bench import SPAN, START, Bench
from tests.field.case import Case, Listed, Media
from tests.field.origin import World
from tests.harness.audio import mp3, wav
from tests.property.grounds import Ground, ground

WAV = wav()
WHOLE = {
    "wav": WAV,
    "flac": audio_files.flac(),
    "opus": audio_files.ogg(),
    "m4a": audio_files.mp4(),
    "au": audio_files.au(),
    "counted mp3": audio_files.counted_mp3(),
}
"""What tells by its own structure that it is whole."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Ground]:
    with ground("folder") as made:
        yield made


def too_long(body: bytes, *, more: int = 100) -> Media:
    """A Content-Length that no connection ever comes to."""
    return media(body, [("Content-Length", str(len(body) + more))])


def without_a_last_chunk(body: bytes) -> Media:
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return media(sent, [("Transfer-Encoding", "chunked")])


def media(body: bytes, headers: list[tuple[str, str]]) -> Media:
    return Media(body=body, status=200, framing="close", headers=headers, before=())


def case(*answers: Media, provider: str = "babelforce", **facts: Any) -> Case:
    plain: dict[str, Any] = {"row": {}, "listed": Listed(), "companions": 1, "expect": {}, "files": None}
    nothing = dict.fromkeys(("archive", "id", "redirect", "url", "media_path"))
    return Case(name="made", provider=provider, media=answers, **{**plain, **nothing, **facts})


def worked_off(shared: Ground, made: Case) -> tuple[Bench, World]:
    with World(made, start=START, span=SPAN) as world:
        bench = Bench(shared, world)
        bench.list()
        bench.work_off()
        assert [bench.state(each.id) for each in world.companions] == ["archived"]
        return bench, world


def archived(bench: Bench, world: World) -> tuple[bytes, list[dict[str, str]]]:
    entry = bench.ledger.find(world.target.id)
    assert entry is not None
    assert (entry.state, entry.stored is None) == ("archived", False), entry.reason
    body = bench.kept(entry.recording.id)
    assert body is not None
    return body, bench.sidecar(entry)["contradictions"] or []


@pytest.mark.parametrize("ends", [too_long, without_a_last_chunk])
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_whose_framing_never_ends_is_kept_after_two_fetches(shared: Ground, name: str, ends: Any) -> None:
    bench, world = worked_off(shared, case(ends(WHOLE[name])))
    body, contradictions = archived(bench, world)
    assert (body, world.fetches) == (WHOLE[name], 2)
    claimed = {"what": "Content-Length", "claimed": f"{len(body) + 100} bytes", "found": f"{len(body)} bytes"}
    chunk = {"what": "end of the body", "claimed": "a last chunk"}
    assert contradictions[0].items() >= (claimed if ends is too_long else chunk).items()
    assert bench.pace.gate().strikes == 0


@pytest.mark.parametrize(
    ("body", "ends"),
    [(mp3(), without_a_last_chunk), (WAV[:-500], too_long), (b"\x93unknown\x01" * 200, too_long)],
    ids=["says nothing", "cut", "unknown"],
)
def test_what_may_be_cut_is_kept_by_the_last_attempt_alone(shared: Ground, body: bytes, ends: Any) -> None:
    bench, world = worked_off(shared, case(ends(body)))
    entry = bench.ledger.find(world.target.id)
    assert entry is not None
    assert entry.stored is not None
    assert entry.attempts == 7
    assert world.fetches > 7
    assert bench.kept(world.target.id) == body
    assert entry.stored.contradictions


@pytest.mark.parametrize("first", [too_long(WAV[:1000]), too_long(mp3(5), more=2000), without_a_last_chunk(WAV[:1000])])
def test_an_end_that_comes_too_early_once_is_waited_out(shared: Ground, first: Media) -> None:
    whole = media(WAV, [("Content-Length", str(len(WAV)))])
    bench, world = worked_off(shared, case(first, whole))
    assert archived(bench, world) == (WAV, [])


def test_a_page_of_a_proxy_that_ends_early_is_never_kept(shared: Ground) -> None:
    bench, world = worked_off(shared, case(too_long(b"<html><body>Bad gateway" + b" " * 500)))
    assert bench.state(world.target.id) == "failed"
