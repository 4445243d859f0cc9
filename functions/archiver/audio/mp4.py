"""MP4 and its kin (ISO/IEC 14496-12): M4A, 3GPP, 3GPP2, QuickTime; boxes within boxes, in any order."""

from __future__ import annotations

from collections.abc import Generator

from functions.archiver.audio.chunked import is_name
from functions.archiver.audio.codecs import by_letters
from functions.archiver.audio.kinds import (
    M4A,
    MOV,
    MP4,
    MP4_VIDEO,
    THREE_GPP,
    THREE_GPP2,
    THREE_GPP2_VIDEO,
    THREE_GPP_VIDEO,
    Audio,
)
from functions.archiver.audio.walking import REST, Next, Read, Skip, Steps, WalkingParser

_INTO = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex"))
_MAX_READ = 192
_MAX_BOXES = 1_000_000
_MAX_NAMES = 64
_Inside = Generator[Read | Next | Skip, bytes, None]


class Mp4(WalkingParser):
    """An MP4 file. Its boxes have to end with it, and its last chunk of samples has to lie in it."""

    def __init__(self) -> None:
        self._brand = b""
        self._boxes: set[bytes] = set()
        self._last = b""
        self._open_end = self._foreign = False
        self._handler = b""
        self._handlers: set[bytes] = set()
        self._farthest = 0  # where the last chunk of samples starts
        self._mdhd = b""
        super().__init__()

    @property
    def audio(self) -> Audio:
        """By the brand, and by whether there is a picture, once that is known: `moov` may come last."""
        video = b"vide" in self._handlers
        if self._brand.startswith(b"3g2"):
            return THREE_GPP2_VIDEO if video else THREE_GPP2
        if self._brand.startswith(b"3g"):
            return THREE_GPP_VIDEO if video else THREE_GPP
        if video:
            return MOV if self._is_quicktime else MP4_VIDEO
        if self._is_quicktime:
            return MOV
        return M4A if self._brand in (b"M4A ", b"M4B ", b"M4P ") or b"soun" in self._handlers else MP4

    @property
    def _is_quicktime(self) -> bool:
        return self._brand == b"qt  " or (not self._brand and bool(self._boxes))

    def _ending(self, size: int) -> tuple[bool | None, str | None, int | None]:
        if self._foreign:
            return False, "something else follows its last box", None
        if missing := self._walk.missing:
            return False, f"its last box announces {size + missing} bytes", size + missing
        if not self._walk.at_boundary:
            return False, "its last box is cut", None
        if b"moov" not in self._boxes:
            return False, "the box that describes its sound is missing", None
        if self._farthest >= size:
            return False, f"its samples go on behind {self._farthest} bytes", None
        if self._last == b"moof":
            return False, "the sound of its last fragment is missing", None
        if self._open_end or (b"moof" in self._boxes and self._last != b"mfra"):
            return None, None, None
        return True, None, None

    def _steps(self) -> Steps:
        for _ in range(_MAX_BOXES):
            head = yield Next(8)
            name, size = head[4:8], int.from_bytes(head[:4], "big")
            if not is_name(name):
                self._foreign = bool(head.strip(b"\0"))
                return
            end = self._walk.position - 8 + size
            if size == 1:
                end = self._walk.position - 8 + int.from_bytes((yield Read(8)), "big")
            if size == 0:
                self._open_end, end = True, self._walk.position + REST
            if end < self._walk.position:
                self._foreign = True
                return
            if len(self._boxes) < _MAX_NAMES:
                self._boxes.add(name)
            self._last = name
            yield from self._box(name, end)

    def _box(self, name: bytes, end: int) -> _Inside:
        """The rest of a box that ends at `end`, from where the walk is."""
        left = end - self._walk.position
        if name == b"mdat":
            if left > 0:
                yield Read(1)
                self._sound_bytes += left
        elif name in (b"ftyp", b"styp") and left >= 4:
            self._brand = self._brand or (yield Read(4))
        elif name == b"moov":
            yield from self._inside(end)
        yield Skip(end - self._walk.position)

    def _inside(self, end: int) -> _Inside:
        """The boxes in `moov`, at all depths: a container's header is stepped over, so that its boxes come next."""
        while self._walk.position + 8 <= end:
            head = yield Read(8)
            name, size = head[4:8], int.from_bytes(head[:4], "big")
            body_end = self._walk.position - 8 + size
            if size < 8 or body_end > end:
                return
            if name not in _INTO:
                yield from self._leaf(name, body_end)
                yield Skip(body_end - self._walk.position)

    def _leaf(self, name: bytes, end: int) -> _Inside:
        left = end - self._walk.position
        if name == b"mdhd" and left >= 20:
            seen = yield Read(min(left, 32))
            self._handler = b""
            self._mdhd = seen
        elif name == b"hdlr" and left >= 12:
            seen = yield Read(12)
            self._handler = seen[8:12] if seen[8:12] in (b"soun", b"vide") else self._handler
            self._handlers |= {self._handler} - {b""}
        elif name == b"stsd" and left >= 16 and self._handler == b"soun" and self._codec is None:
            self._describe((yield Read(min(left, _MAX_READ))))
        elif name in (b"stco", b"co64") and left >= 8:
            width = 4 if name == b"stco" else 8
            count = int.from_bytes((yield Read(8))[4:8], "big")
            if 0 < count <= (end - self._walk.position) // width:
                yield Skip((count - 1) * width)
                self._farthest = max(self._farthest, int.from_bytes((yield Read(width)), "big"))

    def _describe(self, stsd: bytes) -> None:
        self._codec = by_letters(stsd[12:16])
        if len(stsd) >= 42:
            self._channels = _aac_channels(stsd) or int.from_bytes(stsd[32:34], "big") or None
            self._sample_rate = int.from_bytes(stsd[40:42], "big") or None
        mdhd = self._mdhd
        at, width = (20, 8) if mdhd[:1] == b"\1" else (12, 4)
        scale, length = int.from_bytes(mdhd[at : at + 4], "big"), int.from_bytes(mdhd[at + 4 : at + 4 + width], "big")
        if scale and 0 < length < scale * 10**7:
            self._duration = round(length / scale, 3)


def _aac_channels(stsd: bytes) -> int:
    """Channels of AAC by its own configuration, because its box often says two regardless; 0 where it names none."""
    at = stsd.find(b"esds")
    if at < 0:
        return 0
    at += 8  # behind name, version and flags
    for tag, passed in ((3, 3), (4, 13), (5, 0)):
        if stsd[at : at + 1] != bytes((tag,)):
            return 0
        at += 1
        while stsd[at : at + 1] > b"\x7f":  # a length of several bytes
            at += 1
        at += 1 + passed
    config = int.from_bytes(stsd[at : at + 2], "big")
    usual = 0 < config >> 11 < 31 and config >> 7 & 15 < 13
    return config >> 3 & 15 if usual else 0
