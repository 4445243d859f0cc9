"""Real, playable audio, made from a seed: the same seed and size give the same bytes on every machine.

A recording is a melody of quarter-second tones. Audio is produced piece by piece, so its size costs no memory.
"""

from __future__ import annotations

import array
import functools
import hashlib
import math
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Format = Literal["wav", "mp3"]

PITCHES = 48
WAV_HEADER_BYTES = 44
MP3_FRAME_BYTES = 108
MP3_FRAME_MS = 36
"""MPEG-2 layer III, 24 kbit/s, 16 kHz, mono: 576 samples in 108 bytes, never padded."""

_MP3_HEADER = bytes.fromhex("FFF338C4")
_MP3_FRAMES_PER_TONE = 7
_MP3_LINE_HZ = 16_000 / 2 / 576
_PIECE_BYTES = 65_536


def number(*parts: object) -> int:
    """A number from 0 to 2**32 - 1 that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def hexadecimal(*parts: object, digits: int = 32) -> str:
    """Up to 64 lower-case hexadecimal digits that depend on the parts alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:digits]


def frequency(pitch: int) -> int:
    """The tone of a pitch in Hz: semitones from 220 Hz, rounded so that a quarter second holds whole cycles."""
    return round(220 * 2 ** (pitch / 12) / 4) * 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Audio:
    """One audio file. `wanted_bytes` is rounded down to whole samples or frames, at least one; `rate` (Hz) is WAV's."""

    format: Format
    seed: str
    wanted_bytes: int
    rate: int = 8_000

    @property
    def size(self) -> int:
        """The exact length in bytes."""
        if self.format == "wav":
            return WAV_HEADER_BYTES + max(2, (self.wanted_bytes - WAV_HEADER_BYTES) // 2 * 2)
        return max(1, self.wanted_bytes // MP3_FRAME_BYTES) * MP3_FRAME_BYTES

    @property
    def duration_ms(self) -> int:
        """The playing time in milliseconds."""
        if self.format == "wav":
            return (self.size - WAV_HEADER_BYTES) // 2 * 1000 // self.rate
        return self.size // MP3_FRAME_BYTES * MP3_FRAME_MS

    @property
    def content_type(self) -> str:
        """The media type of the bytes."""
        return "audio/x-wav" if self.format == "wav" else "audio/mpeg"

    @property
    def melody(self) -> bytes:
        """The 32 pitches that are played over and over."""
        return bytes(byte % PITCHES for byte in hashlib.sha256(self.seed.encode()).digest())

    @property
    def sha256(self) -> str:
        """The digest of all bytes, in hexadecimal."""
        return _digest(self)

    def header(self) -> bytes:
        """The part before the sound: 44 bytes of a WAV that says it holds none, or an empty ID3 tag."""
        if self.format == "wav":
            return _wav_header(0, self.rate)
        return b"ID3\x04\x00\x00\x00\x00\x00\x00"

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces of at most 64 KiB."""
        pieces = self._wav() if self.format == "wav" else self._mp3()
        left, held = self.size, bytearray()
        for piece in pieces:
            held += piece[:left]
            left -= min(left, len(piece))
            while len(held) >= _PIECE_BYTES:
                yield bytes(held[:_PIECE_BYTES])
                del held[:_PIECE_BYTES]
            if not left:
                break
        if held:
            yield bytes(held)

    def read(self) -> bytes:
        """All bytes at once."""
        return b"".join(self.chunks())

    def _wav(self) -> Iterator[bytes]:
        yield _wav_header(self.size - WAV_HEADER_BYTES, self.rate)
        # Eight samples too quiet to hear tell two short recordings of the same first tone apart.
        yield b"".join(bytes((byte, 0)) for byte in hashlib.sha256(self.seed.encode()).digest()[:8])
        while True:
            for pitch in self.melody:
                yield _wav_tone(pitch, self.rate)

    def _mp3(self) -> Iterator[bytes]:
        mark = hexadecimal(self.seed, digits=8).encode()
        while True:
            for pitch in self.melody:
                for turn in range(_MP3_FRAMES_PER_TONE):
                    yield _mp3_frame(pitch, turn % 2 == 1)[: -len(mark)] + mark


@functools.lru_cache(maxsize=4096)
def _digest(audio: Audio) -> str:
    digest = hashlib.sha256()
    for piece in audio.chunks():
        digest.update(piece)
    return digest.hexdigest()


def _wav_header(data_bytes: int, rate: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    riff = struct.pack("<4sI4s4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", len(form))
    return riff + form + struct.pack("<4sI", b"data", data_bytes)


@functools.lru_cache(maxsize=4 * PITCHES)
def _wav_tone(pitch: int, rate: int) -> bytes:
    step = 2 * math.pi * frequency(pitch) / rate
    samples = array.array("h", (round(8_000 * math.sin(step * n)) for n in range(rate // 4)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


@functools.lru_cache(maxsize=2 * PITCHES)
def _mp3_frame(pitch: int, negative: bool) -> bytes:
    """A frame whose only non-zero spectral line is the one nearest to the pitch.

    Everything is coded as quadruples of 0 and ±1 with count1 table B, whose code words are the four bits inverted.
    """
    line = round(frequency(pitch) / _MP3_LINE_HZ - 0.5)
    quads = line // 4 + 1
    bits = "1111" * (quads - 1) + format(15 ^ (8 >> line % 4), "04b") + str(int(negative))
    side_info = (
        f"{0:08b}{0:01b}"  # main_data_begin, private
        f"{len(bits):012b}{0:09b}{_MP3_GAIN:08b}{0:09b}"  # part2_3_length, big_values, global_gain, scalefac_compress
        f"{0:01b}{0:015b}{0:07b}{0:01b}{1:01b}"  # no window switching, tables, regions, scale, count1 table B
    )
    packed = (side_info + bits).ljust((MP3_FRAME_BYTES - len(_MP3_HEADER)) * 8, "0")
    return _MP3_HEADER + int(packed, 2).to_bytes(MP3_FRAME_BYTES - len(_MP3_HEADER), "big")


_MP3_GAIN = 200
