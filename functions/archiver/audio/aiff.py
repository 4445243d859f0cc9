"""AIFF and AIFF-C, Core Audio Format, and Sun's AU: big-endian, from the worlds of Apple, NeXT and Sun."""

from __future__ import annotations

import struct

from functions.archiver.audio.chunked import MAX_CHUNKS, Chunked, is_name, is_padding
from functions.archiver.audio.codecs import PCM, by_letters
from functions.archiver.audio.kinds import AIFF, AU, CAF
from functions.archiver.audio.walking import REST, Next, Read, Skip, Steps

_UNKNOWN = 0xFFFFFFFF


class Aiff(Chunked):
    """AIFF and AIFF-C."""

    audio = AIFF

    def steps(self) -> Steps:
        """Chunk by chunk, from the first one on."""
        head = yield Read(12)
        told = int.from_bytes(head[4:8], "big")
        self.file_end = 8 + told if told not in (0, _UNKNOWN) else None
        for _ in range(MAX_CHUNKS):
            header = yield Next(8)
            name, size = header[:4], int.from_bytes(header[4:8], "big")
            if not is_name(name):
                self.lost = not is_padding(header)
                return
            seen = b""
            if name == b"COMM" and size >= 18:
                seen = yield Read(min(size, 22))
                self._describe(seen)
            elif name == b"SSND" and size >= 8:
                seen = yield Read(8)
                self.sound_at, self.sound_size = self.walk.position, size - 8
            yield Skip(size - len(seen))
            if size % 2:
                yield Next(1)

    def _describe(self, comm: bytes) -> None:
        self.channels = int.from_bytes(comm[:2], "big")
        self.samples = int.from_bytes(comm[2:6], "big")
        exponent, mantissa = struct.unpack(">HQ", comm[8:18])  # an 80-bit float
        shift = 16383 + 63 - (exponent & 0x7FFF)
        self.sample_rate = mantissa >> shift if 0 <= shift < 64 else None
        self.codec = by_letters(comm[18:22]) if len(comm) == 22 else PCM

    def _is_whole_without(self, missing: int, ends_with_sound: bool) -> bool:
        odd = self.sound_size is not None and self.sound_size % 2 == 1
        return ends_with_sound and missing == 1 and odd


class Caf(Chunked):
    """Core Audio Format. The length of its sound may be -1: up to the end."""

    audio = CAF

    def steps(self) -> Steps:
        """Chunk by chunk, from the first one on."""
        yield Read(8)
        for _ in range(MAX_CHUNKS):
            header = yield Next(12)
            name, size = header[:4], int.from_bytes(header[4:12], "big", signed=True)
            if not is_name(name) or size < -1 or (size < 0 and name != b"data"):
                self.lost = not is_padding(header)
                return
            seen = b""
            if name == b"desc" and size >= 32:
                seen = yield Read(32)
                self._describe(seen)
            elif name == b"pakt" and size >= 24:
                seen = yield Read(24)
                self.samples = int.from_bytes(seen[8:16], "big")
            elif name == b"data":
                yield from self._data(size)
                continue
            yield Skip(size - len(seen))

    def _data(self, size: int) -> Steps:
        if size == 0:
            self.sound_at, self.sound_size = self.walk.position, 0
            return
        seen = yield Read(4)  # how often it was edited
        self.sound_at, self.sound_size = self.walk.position, max(0, size - 4) if size >= 0 else None
        yield Skip(size - len(seen) if size >= 0 else REST)

    def _describe(self, desc: bytes) -> None:
        rate, letters = struct.unpack(">d4s", desc[:12])
        per_packet, frames, channels = struct.unpack(">III", desc[16:28])
        self.sample_rate = int(rate) if 0 < rate < 1e7 else None
        self.codec, self.channels = by_letters(letters), channels
        if per_packet and frames:
            self.byte_rate = rate / frames * per_packet if 0 < rate < 1e7 else None

    def _ends_with_sound(self, size: int, sound_end: int | None) -> bool | None:
        # Compressed sound needs the table of its packets, which may stand behind it.
        described = self.byte_rate is not None or self.samples is not None
        return True if sound_end is not None and described and self.walk.at_boundary else None


_AU_CODECS = {
    1: ("ulaw", 8),
    2: (PCM, 8),
    3: (PCM, 16),
    4: (PCM, 24),
    5: (PCM, 32),
    6: ("float", 32),
    7: ("float", 64),
    23: ("g721", 4),
    24: ("g722", 4),
    25: ("g723", 3),
    26: ("g723", 5),
    27: ("alaw", 8),
}
"""The encodings of an AU file, and the bits of a sample."""


class Au(Chunked):
    """Sun's AU: one header, then the sound."""

    audio = AU

    def steps(self) -> Steps:
        """The header, then the sound."""
        head = yield Read(24)
        _, start, size, encoding, rate, channels = struct.unpack(">4sIIIII", head)
        self.codec, bits = _AU_CODECS.get(encoding, (f"au encoding {encoding}", 0))
        self.sample_rate, self.channels = rate, channels
        self.byte_rate = rate * channels * bits / 8 or None
        yield Skip(start - 24)
        self.sound_at = max(24, start)
        self.sound_size = size if size not in (0, _UNKNOWN) else None
        self.never_said = size == 0

    def _ends_with_sound(self, size: int, sound_end: int | None) -> bool | None:
        return True if sound_end == size else None
