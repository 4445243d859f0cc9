"""Matroska and WebM (RFC 9559): elements within elements, of which the large ones may not tell their length."""

from __future__ import annotations

import struct
from collections.abc import Generator

from functions.archiver.audio.kinds import MKA, MKV, WEBM, WEBM_VIDEO, Audio, Findings, Piece
from functions.archiver.audio.walking import REST, Next, Read, Skip, Steps, Walk

_DOC_TYPE, _SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x4282, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_ENTRY, _TYPE, _CODEC, _AUDIO, _RATE, _CHANNELS = 0xAE, 0x83, 0x86, 0xE1, 0xB5, 0x9F
_BLOCK_GROUP, _SIMPLE_BLOCK, _TIME, _PREVIOUS, _VOID, _CRC = 0xA0, 0xA3, 0xE7, 0xAB, 0xEC, 0xBF
_TOP = frozenset(
    (0x1A45DFA3, _SEGMENT, 0x114D9B74, _INFO, _TRACKS, _CLUSTER, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367)
)
_INTO = frozenset((0x1A45DFA3, _SEGMENT, _INFO, _TRACKS, _ENTRY, _AUDIO))
_SEEN = frozenset((_DOC_TYPE, _SCALE, _DURATION, _TYPE, _CODEC, _RATE, _CHANNELS))
_KNOWN = _TOP | {_BLOCK_GROUP, _SIMPLE_BLOCK, _TIME, _PREVIOUS, 0xA7, 0xAF, 0x5854, _VOID, _CRC}
"""What may stand where no container of a known length is open."""

_SOUND = {_CLUSTER: 17, _SIMPLE_BLOCK: 4, _BLOCK_GROUP: 4}
"""What holds sound, and how long it may be without any: a block's head, the time of a cluster."""

_MAX_SEEN = 64
_CODECS = {"A_PCM/INT/LIT": "pcm", "A_PCM/INT/BIG": "pcm", "A_PCM/FLOAT/IEEE": "float", "A_MPEG/L3": "mp3"}
_Element = Generator[Read | Next | Skip, bytes, tuple[int, int | None]]


class Matroska:
    """A Matroska or WebM file. Complete when the segment tells its length and comes to it."""

    def __init__(self) -> None:
        self._doc_type = b""
        self._end: int | None = None
        self._foreign = self._video = False
        self._sound_bytes = 0
        self._inside = 0  # up to here whatever stands in a container of a known length
        self._scale, self._length = 1_000_000, 0.0
        self._track: dict[int, bytes] = {}
        self._sound: dict[int, bytes] = {}
        self._walk = Walk()
        self._walk.begin(self._steps())

    @property
    def audio(self) -> Audio:
        """By the document's type, and by whether there is a picture."""
        if self._doc_type.startswith(b"webm"):
            return WEBM_VIDEO if self._video else WEBM
        return MKV if self._video else MKA

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        self._walk.feed(data)

    def finish(self, size: int) -> Findings:
        """Judge what was fed."""
        self._keep_track()
        complete, cut, promised = self._ending(size)
        name = self._sound.get(_CODEC, b"").decode("ascii", "replace").strip("\0")
        seconds = self._length * self._scale / 1e9
        return Findings(
            has_sound=self._sound_bytes > 0,
            complete=complete,
            cut=cut,
            promised_bytes=promised,
            codec=_CODECS.get(name) or name.removeprefix("A_").partition("/")[0].lower() or None,
            channels=int.from_bytes(self._sound.get(_CHANNELS, b"\1"), "big") or None if self._sound else None,
            sample_rate=int(_float(self._sound.get(_RATE, b""))) or None,
            duration_seconds=round(seconds, 3) if 0 < seconds < 10**7 else None,
        )

    def _ending(self, size: int) -> tuple[bool | None, str | None, int | None]:
        if self._end is not None and self._end > size:
            return False, f"its header announces {self._end} bytes", self._end
        if self._foreign:
            return False, "something else follows its last element", None
        if not self._walk.at_boundary:
            return False, "its last element is cut", None
        return True if self._end == size else None, None, None

    def _steps(self) -> Steps:
        while True:
            start = self._walk.position
            name, size = yield from self._element()
            if start >= self._inside and name not in _KNOWN:
                self._foreign = name != 0
                return
            if name == _SEGMENT and self._end is None and size is not None:
                self._end = self._walk.position + size
            if name == _ENTRY:
                self._keep_track()
            if name in _INTO and name != _SEGMENT and size is not None:
                self._inside = max(self._inside, self._walk.position + size)
            if name not in _INTO and not (size is None and name in (_CLUSTER, _BLOCK_GROUP)):
                yield from self._body(name, size)

    def _element(self) -> _Element:
        """The id and the length of the next element; None for a length that is not told."""
        first = (yield Next(1))[0]
        width = 9 - first.bit_length()
        if width > 4:
            return 0 if first == 0 else -1, 0
        name = first
        if width > 1:
            name = int.from_bytes(bytes((first,)) + (yield Read(width - 1)), "big")
        first = (yield Read(1))[0]
        width = 9 - first.bit_length()
        if width > 8:
            return -1, 0
        value = first & (1 << 8 - width) - 1
        if width > 1:
            value = value << 8 * (width - 1) | int.from_bytes((yield Read(width - 1)), "big")
        return name, None if value == (1 << 7 * width) - 1 else value

    def _body(self, name: int, size: int | None) -> Steps:
        if size is None:
            yield Skip(REST)
            return
        if name in _SOUND and size > _SOUND[name]:
            yield Read(1)
            self._sound_bytes += size
            yield Skip(size - 1)
        elif name in _SEEN and size <= _MAX_SEEN:
            self._note(name, (yield Read(size)) if size else b"")
        else:
            yield Skip(size)

    def _note(self, name: int, value: bytes) -> None:
        if name == _DOC_TYPE:
            self._doc_type = value
        elif name == _SCALE:
            self._scale = int.from_bytes(value, "big")
        elif name == _DURATION:
            self._length = _float(value)
        else:
            self._track[name] = value
            self._video |= name == _TYPE and value == b"\1"

    def _keep_track(self) -> None:
        """The first track of sound is the one that counts."""
        if not self._sound and self._track.get(_TYPE) == b"\2":
            self._sound = self._track
        self._track = {}


def _float(value: bytes) -> float:
    if len(value) not in (4, 8):
        return 0.0
    (found,) = struct.unpack(">f" if len(value) == 4 else ">d", value)
    return float(found) if 0 <= found < 1e15 else 0.0
