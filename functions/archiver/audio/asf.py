"""Windows Media (ASF): a header of objects that are named by GUIDs, then the packets of sound."""

from __future__ import annotations

from collections.abc import Generator

from functions.archiver.audio.codecs import WAVE_FORMATS
from functions.archiver.audio.kinds import WMA, WMV, Audio
from functions.archiver.audio.magic import ASF_HEADER
from functions.archiver.audio.walking import Next, Read, Skip, Steps, WalkingParser

_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_OBJECT = 24  # GUID and length, which counts them
_DATA_HEAD = 50
_MAX_OBJECTS = 1000
_TICKS = 10**7  # in a second


class Asf(WalkingParser):
    """A WMA or WMV file. Its header tells the length of the file, but for what was broadcast live."""

    def __init__(self) -> None:
        self._file_size: int | None = None
        self._live = self._foreign = self._video = False
        super().__init__()

    @property
    def audio(self) -> Audio:
        """WMV as soon as there is a picture."""
        return WMV if self._video else WMA

    def _ending(self, size: int) -> tuple[bool | None, str | None, int | None]:
        told = None if self._live else self._file_size
        if told is not None and told > size:
            return False, f"its header announces {told} bytes", told
        if not self._live and (missing := self._walk.missing):
            return False, f"its last object announces {size + missing} bytes", size + missing
        if self._foreign:
            return False, "something else follows its last object", None
        return True if told == size else None, None, None

    def _steps(self) -> Steps:
        for _ in range(_MAX_OBJECTS):
            head = yield Next(_OBJECT)
            size = int.from_bytes(head[16:24], "little")
            end = self._walk.position - _OBJECT + size
            if size < _OBJECT:
                self._foreign = bool(head.strip(b"\0"))
                return
            if head.startswith(ASF_HEADER):
                yield from self._header(end)
            elif head.startswith(_DATA) and size > _DATA_HEAD:
                yield Skip(_DATA_HEAD - _OBJECT)
                yield Read(1)
                self._sound_bytes += size - _DATA_HEAD
            yield Skip(end - self._walk.position)

    def _header(self, end: int) -> Generator[Read | Next | Skip, bytes, None]:
        yield Skip(6)
        for _ in range(_MAX_OBJECTS):
            if self._walk.position + _OBJECT > end:
                return
            head = yield Read(_OBJECT)
            left = int.from_bytes(head[16:24], "little") - _OBJECT
            if left < 0 or self._walk.position + left > end:
                return
            seen = b""
            if head.startswith(_FILE) and left >= 68:
                seen = yield Read(68)
                self._describe_file(seen)
            elif head.startswith(_STREAM) and left >= 54:
                seen = yield Read(min(left, 70))
                self._describe_stream(seen)
            yield Skip(left - len(seen))

    def _describe_file(self, seen: bytes) -> None:
        size, played, preroll = (int.from_bytes(seen[at : at + 8], "little") for at in (16, 40, 56))
        self._live = bool(seen[64] & 1)
        self._file_size = size or None
        seconds = played / _TICKS - preroll / 1000
        if not self._live and 0 < seconds < 10**7:
            self._duration = round(seconds, 3)

    def _describe_stream(self, seen: bytes) -> None:
        self._video |= seen.startswith(_VIDEO)
        if seen.startswith(_SOUND) and len(seen) >= 62 and self._codec is None:
            tag = int.from_bytes(seen[54:56], "little")
            self._codec = WAVE_FORMATS.get(tag, f"wave format {tag:#06x}")
            self._channels = int.from_bytes(seen[56:58], "little") or None
            self._sample_rate = int.from_bytes(seen[58:62], "little") or None
