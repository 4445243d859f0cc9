"""MPEG audio, layers II and III, free format included: its frames, and the counts that encoders leave in the first."""

from __future__ import annotations

import functools
import re

from functions.archiver.audio.frames import Frames
from functions.archiver.audio.kinds import MP3, Audio, Findings
from functions.archiver.audio.tags import without_tags
from functions.archiver.lazy_dataclass import dataclass

JUNK = 2048
"""More than the largest frame, 1,729 bytes: a stream joined midway starts with the rest of one."""

_SEVERAL = 16
_MAX_FREE = 5760  # bytes between two headers of free format: 640 kbit/s at 8 kHz
_XING = re.compile(rb"Xing|Info")
_MPEG1_LAYER2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MPEG1_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # layers II and III alike
_HERTZ = (44_100, 48_000, 32_000)
_HALVINGS = {3: 0, 2: 1, 0: 2}  # MPEG version bits: 1, 2, 2.5

Lengths = dict[bytes, int]
"""From the first three bytes of a frame to its length, for all frames that one file can hold."""


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a frame. `kbits` is 0 for free format, whose length no header tells."""

    layer: int
    hertz: int
    samples: int
    kbits: int
    padding: int
    channels: int

    @property
    def length(self) -> int:
        """Bytes of the frame; 0 for free format."""
        return self.samples * 125 * self.kbits // self.hertz + self.padding if self.kbits else 0


def head_of(data: bytes, at: int) -> Head | None:
    """The frame header at `at`; None when there is none."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    bitrate, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or layer not in (1, 2) or bitrate == 15 or rate == 3 or data[at + 3] & 3 == 2:
        return None
    layer3 = layer == 1
    kbits = _MPEG2 if version != 3 else _MPEG1_LAYER3 if layer3 else _MPEG1_LAYER2
    return Head(
        layer=3 if layer3 else 2,
        hertz=_HERTZ[rate] >> _HALVINGS[version],
        samples=576 if layer3 and version != 3 else 1152,
        kbits=kbits[bitrate],
        padding=data[at + 2] >> 1 & 1,
        channels=1 if data[at + 3] >> 6 == 3 else 2,
    )


@functools.lru_cache(maxsize=64)
def _lengths(second: int, rate_bits: int) -> Lengths:
    """The lengths of all frames of one version, layer and sample rate; free format is not among them."""
    found: Lengths = {}
    for protected in (second & 0xFE, second | 1):
        for third in range(256):
            if third & 0x0C == rate_bits and (head := head_of(bytes((0xFF, protected, third, 0)), 0)) and head.kbits:
                found[bytes((0xFF, protected, third))] = head.length
    return found


def lengths_at(data: bytes, at: int) -> Lengths | None:
    """The lengths of all frames that may follow the one at `at`; None when there is no frame."""
    head = head_of(data, at)
    if head is None:
        return None
    if head.kbits:
        return _lengths(data[at + 1] & 0xFE, data[at + 2] & 0x0C)
    return _free_lengths(data, at, head)


def _free_lengths(data: bytes, at: int, head: Head) -> Lengths | None:
    """Free format: a frame is as long as it is to the next equal header (one byte more where padded)."""
    plain, padded = (bytes((0xFF, data[at + 1], data[at + 2] & 0xFD | bit)) for bit in (0, 2))
    either = re.compile(b"(?:" + re.escape(plain) + b"|" + re.escape(padded) + b")")
    for found in either.finditer(data, at + 24, at + _MAX_FREE):
        length = found.start() - at - head.padding
        lengths = {plain: length, padded: length + 1}
        if chain(data, at, lengths)[0] >= 4:
            return lengths
    return None


def chain(data: bytes, at: int, lengths: Lengths, most: int = 1 << 40) -> tuple[int, int]:
    """How many frames follow each other from `at` (`most` are looked for), and where the last of them ends."""
    count = 0
    while count < most and (length := lengths.get(data[at : at + 3])):
        at += length
        count += 1
    return count, at


@functools.lru_cache(maxsize=64)
def _several(header: bytes, length: int) -> re.Pattern[bytes]:
    """A row of frames like one of this header and length, padded or not: passed over five times as fast as one by one.

    Padding is a byte.
    """
    third = header[2] & 0xFD
    plain = length - (header[2] >> 1 & 1) - 3
    either = b"\\x%02x.{%d}|\\x%02x.{%d}" % (third, plain, third | 2, plain + 1)
    return re.compile(b"(?:%s(?:%s)){%d}" % (re.escape(header[:2]), either, _SEVERAL), re.DOTALL)


def first_frame(head: bytes, *, whole: bool, junk: bool) -> int | None:
    """Where the first MP3 frame starts; None without one. Two frames must follow each other.

    `whole` says that nothing follows `head`: a single frame may then fill it. `junk` allows for the rest of a frame
    in front, as a stream joined midway has; then four frames must follow each other.
    """
    zeros = len(head) - len(head.lstrip(b"\0"))
    if lengths := lengths_at(head, zeros):
        count, end = chain(head, zeros, lengths)
        if count >= 2 or (whole and end == len(without_tags(head))):
            return zeros
    if not junk:
        return None
    at = head.find(b"\xff", 0, JUNK)
    while at >= 0:
        if (lengths := lengths_at(head, at)) and chain(head, at, lengths, 4)[0] >= 4:
            return at
        at = head.find(b"\xff", at + 1, JUNK)
    return None


class Mpeg(Frames):
    """An MP3 (or layer II) file. `head` is its start, and its first frame is at `first`."""

    audio: Audio = MP3

    def __init__(self, head: bytes, first: int) -> None:
        super().__init__()
        self._first_at = first
        self._first = head[first : first + 200]
        found, lengths = head_of(head, first), lengths_at(head, first)
        assert found is not None
        assert lengths is not None
        self._head, self._lengths = found, lengths
        seconds, thirds = ({header[at] for header in lengths} for at in (1, 2))
        self._header = re.compile(b"\xff" + _any_of(seconds) + _any_of(thirds))
        self._skip = first

    def walk(self, data: bytes, at: int) -> int:
        # The first may hold counts, at a bit rate of its own; those behind it mostly keep to one for long.
        count, at = chain(data, at, self._lengths, 1)
        header = data[at : at + 3]
        if count and header in self._lengths:
            several = _several(header, self._lengths[header])
            while found := several.match(data, at):
                at = found.end()
                count += _SEVERAL
        rest, at = chain(data, at, self._lengths)
        self.count += count + rest
        return at

    def resync(self, data: bytes) -> int:
        for found in self._header.finditer(data):
            if chain(data, found.start(), self._lengths, 4)[0] >= 4:
                return found.start()
        return -1

    def begins_frame(self, rest: bytes) -> bool:
        return any(header.startswith(rest[:3]) for header in self._lengths)

    def finish(self, size: int) -> Findings:
        """Judge what was fed. A count in the first frame that fits is proof; one that tells of more is none."""
        complete, cut = self.end()
        counts = _counts(self._first)
        frames = self.count - (1 if counts else 0)
        promised = None
        if counts and cut is None:
            complete, cut, promised = self._ending_by_count(counts)
        return Findings(
            has_sound=frames > 0,
            complete=complete,
            cut=cut,
            promised_bytes=promised,
            codec=f"mp{self._head.layer}",
            channels=self._head.channels,
            sample_rate=self._head.hertz,
            duration_seconds=round(frames * self._head.samples / self._head.hertz, 3),
        )

    def _ending_by_count(self, counts: tuple[int, int]) -> tuple[bool | None, str | None, int | None]:
        frames, size = counts
        found = self.whole_bytes - self._first_at
        if size > found:
            return False, f"its first frame announces {size} bytes", self._first_at + size
        if frames > self.count:
            return False, f"its first frame announces {frames} frames", None
        # Some writers count the frame that holds the counts in. A file of theirs without its last frame looks like
        # a whole one of the others, so that only what fits the usual way proves anything.
        same_frames = frames in (0, self.count - 1)
        same_size = size in (0, found, found - self._lengths[self._first[:3]])
        return True if same_frames and same_size and frames + size and not self.gaps else None, None, None


def _any_of(values: set[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % value for value in sorted(values)) + b"]"


def _counts(first: bytes) -> tuple[int, int] | None:
    """The counts of frames and bytes in the first frame, 0 for one that is not given; None where it is sound."""
    if found := _XING.search(first, 4, 44):
        flags = int.from_bytes(first[found.end() : found.end() + 4], "big")
        at = found.end() + 4
        frames = int.from_bytes(first[at : at + 4], "big") if flags & 1 else 0
        at += 4 if flags & 1 else 0
        return frames, int.from_bytes(first[at : at + 4], "big") if flags & 2 else 0
    if first[36:40] == b"VBRI":
        return int.from_bytes(first[50:54], "big"), int.from_bytes(first[46:50], "big")
    return None
