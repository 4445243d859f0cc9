"""FLAC (RFC 9639): metadata that tells the number of samples, then frames that tell no length but have a checksum."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import islice

from functions.archiver.audio.kinds import FLAC, Audio, Findings, Piece
from functions.archiver.audio.tags import without_tags
from functions.archiver.audio.walking import Read, Skip, Steps, Walk

_TAIL = 65_536
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_MAX_SYNCS = 256
_MAX_TRIED = 8
_BLOCKS = {1: 192} | {code: 576 << code - 2 for code in range(2, 6)} | {code: 256 << code - 8 for code in range(8, 16)}


class Flac:
    """A native FLAC file. Its last frame has to be whole and to end with the last of the samples."""

    audio: Audio = FLAC

    def __init__(self) -> None:
        self._samples = self._hertz = self._block = 0
        self._channels: int | None = None
        self._frames_at: int | None = None
        self._tail = bytearray()
        self._walk = Walk()
        self._walk.begin(self._steps())

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        self._walk.feed(data)
        self._tail += data[-_TAIL:]
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]

    def finish(self, size: int) -> Findings:
        """Judge what was fed."""
        complete: bool | None = None
        cut = None
        frames = 0 if self._frames_at is None else size - self._frames_at
        if frames > 0:
            complete, cut = self._ending(bytes(self._tail[-min(frames, _TAIL) :]), frames)
        seconds = self._samples / self._hertz if self._samples and self._hertz else None
        return Findings(
            has_sound=frames > 0,
            complete=complete,
            cut=cut,
            codec="flac",
            channels=self._channels,
            sample_rate=self._hertz or None,
            duration_seconds=round(seconds, 3) if seconds else None,
        )

    def _steps(self) -> Steps:
        yield Read(4)
        last = False
        while not last:
            head = yield Read(4)
            last, kind, size = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:4], "big")
            seen = b""
            if kind == 0 and size >= 34:
                seen = yield Read(34)
                self._describe(seen)
            yield Skip(size - len(seen))
        self._frames_at = self._walk.position

    def _describe(self, info: bytes) -> None:
        self._block = int.from_bytes(info[0:2], "big")
        packed = int.from_bytes(info[10:18], "big")
        self._hertz, self._channels = packed >> 44, (packed >> 41 & 7) + 1
        self._samples = packed & (1 << 36) - 1

    def _ending(self, tail: bytes, size: int) -> tuple[bool | None, str | None]:
        behind = without_tags(tail)
        bodies = [tail] if behind == tail else [tail, behind]
        for body in bodies:
            for at in _last_frames(body):
                if _crc16(body[at:]) == 0:
                    return self._ending_by_count(_end_of(body, at, self._block))
        # A frame that is larger than what was kept starts in front of it.
        may_be_larger = size > len(tail) and not any(True for _ in _last_frames(tail))
        return (None, None) if may_be_larger else (False, "its last frame is cut")

    def _ending_by_count(self, end: int) -> tuple[bool | None, str | None]:
        if not self._samples:
            return None, None
        if end < self._samples:
            return False, f"its header announces {self._samples} samples and its last frame ends at {end}"
        return True if end == self._samples else None, None


def _last_frames(body: bytes) -> Iterator[int]:
    """Where the last frames may start, the last one first."""
    starts = [found.start() for found in _SYNC.finditer(body)]
    whole = (at for at in starts[::-1][:_MAX_SYNCS] if _is_header(body, at))
    yield from islice(whole, _MAX_TRIED)


def _is_header(body: bytes, at: int) -> bool:
    """Whether there is a frame header at `at`, by its CRC-8."""
    number = _number(body, at + 4)
    if number is None:
        return False
    end = number[1]
    block, rate = body[at + 2] >> 4, body[at + 2] & 15
    end += {6: 1, 7: 2}.get(block, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    return block != 0 and rate != 15 and end < len(body) and _crc8(body[at:end]) == body[end]


def _number(body: bytes, at: int) -> tuple[int, int] | None:
    """The number of a frame or sample, written as UTF-8 would, and where it ends."""
    if at >= len(body):
        return None
    first = body[at]
    more = 0 if first < 0x80 else next((n for n in range(1, 7) if first & (0x80 >> n + 1) == 0), 0)
    if first >= 0x80 and (more == 0 or first & 0x40 == 0 or at + more >= len(body)):
        return None
    value = first if more == 0 else first & (0x3F >> more)
    for byte in body[at + 1 : at + 1 + more]:
        value = value << 6 | byte & 0x3F
    return value, at + 1 + more


def _end_of(body: bytes, at: int, usual_block: int) -> int:
    """The number of samples up to the end of the frame at `at`."""
    number = _number(body, at + 4)
    assert number is not None
    value, behind = number
    code = body[at + 2] >> 4
    size = _BLOCKS.get(code, 0)
    if code in (6, 7):
        size = int.from_bytes(body[behind : behind + code - 5], "big") + 1
    return value + size if body[at + 1] & 1 else value * usual_block + size


@functools.cache
def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    mask, top = (1 << bits) - 1, 1 << bits - 1
    found = []
    for value in range(256):
        crc = value << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
        found.append(crc)
    return tuple(found)


def _crc8(data: bytes) -> int:
    table, crc = _table(0x07, 8), 0
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    table, crc = _table(0x8005, 16), 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ byte]
    return crc
