"""WAVE in RIFF, RIFX, RF64 and BW64, by lengths that many recorders get wrong, and in Sony's Wave64."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

from functions.archiver.audio.chunked import MAX_CHUNKS, Chunked, is_name, is_padding
from functions.archiver.audio.codecs import WAVE_FORMATS
from functions.archiver.audio.kinds import WAV, WAVE64
from functions.archiver.audio.walking import REST, Next, Read, Skip, Steps

_UNKNOWN = 0xFFFFFFFF
_PLACEHOLDER = 0x7FFFF000  # SoX writes this to a pipe, others 0x7FFFFFFF or 0xFFFFFFFF: size not known yet
_FMT = 40
_KNOWN = frozenset(
    b"fmt ,data,LIST,fact,bext,cue ,smpl,inst,JUNK,junk,PAD ,FLLR,PEAK,iXML,id3 ,ID3 ,ds64,labl,note,plst,wavl,slnt,"
    b"INFO,cart,levl,chna,axml,umid,minf,elm1,regn,acid,strc,DISP,afsp,_PMX,aXML,qlty,link,dbmd,SAUR,UMID".split(b",")
)
_Made = Generator[Read | Next | Skip, bytes, bytes]


class WaveFile(Chunked):
    """The part that WAV and Wave64 share: the description of the sound."""

    def describe(self, fmt: bytes, order: Literal["little", "big"] = "little") -> None:
        """Reads a WAVEFORMATEX."""
        if len(fmt) < 16:
            return
        tag = int.from_bytes(fmt[:2], order)
        if tag == 0xFFFE and len(fmt) >= 26:
            tag = int.from_bytes(fmt[24:26], order)
        self.codec = WAVE_FORMATS.get(tag, f"wave format {tag:#06x}")
        self.channels = int.from_bytes(fmt[2:4], order)
        self.sample_rate = int.from_bytes(fmt[4:8], order)
        self.byte_rate = int.from_bytes(fmt[8:12], order)


class Wav(WaveFile):
    """RIFF and its kin. Chunks of odd length are followed by a padding byte, which some writers leave out."""

    audio = WAV
    placeholder = _PLACEHOLDER

    def __init__(self) -> None:
        self._order: Literal["little", "big"] = "little"
        self._long_size = 0  # of the sound, from the ds64 chunk of RF64 and BW64
        super().__init__()

    def steps(self) -> Steps:
        """Chunk by chunk, from the first one on."""
        head = yield Read(12)
        self._order = "big" if head.startswith(b"RIFX") else "little"
        self.file_end = self._end(head[4:8])
        size = 0
        for _ in range(MAX_CHUNKS):
            header = yield from self._header(size)
            name, size = header[:4], int.from_bytes(header[4:8], self._order)
            if not is_name(name):
                self.lost = not is_padding(header)
                return
            if name == b"data" and self.sound_at is None:
                size = yield from self._data(size)
            else:
                yield from self._chunk(name, size)

    def _end(self, raw: bytes) -> int | None:
        size = int.from_bytes(raw, self._order)
        return None if size in (0, (1 << 8 * len(raw)) - 1) else 8 + size

    def _header(self, size_before: int) -> _Made:
        """The next chunk's header, behind a padding byte where there is one."""
        if size_before % 2 == 0:
            return (yield Next(8))
        first = yield Next(1)
        if first == b"\0":
            return (yield Next(8))
        header = first + (yield Read(7))
        unpadded = header[:4] in _KNOWN or (is_name(header[:4]) and header[1:5] not in _KNOWN)
        return header if unpadded else header[1:] + (yield Read(1))

    def _chunk(self, name: bytes, size: int) -> Steps:
        seen = b""
        if name == b"fmt ":
            seen = yield Read(min(size, _FMT))
            self.describe(seen, self._order)
        elif name == b"ds64" and size >= 16:
            seen = yield Read(16)
            self.file_end = self._end(seen[:8])
            self._long_size = int.from_bytes(seen[8:16], self._order)
        elif name == b"fact" and size >= 4:
            seen = yield Read(4)
            self.samples = int.from_bytes(seen, self._order) if self.codec not in (None, "pcm") else None
        yield Skip(size - len(seen))

    def _data(self, size: int) -> Generator[Read | Next | Skip, bytes, int]:
        """Passes over the sound; how long it was said to be."""
        self.sound_at = self.walk.position
        if size == _UNKNOWN and self._long_size:
            size = self._long_size
        self.sound_size = size
        if size == _UNKNOWN:
            self.sound_size = None
            yield Skip(REST)
        if size == 0:
            # Nothing, or a header that was never completed: then sound follows and no chunk.
            seen = yield Next(8)
            if seen[:4] not in _KNOWN:
                self.sound_size, self.never_said = None, True
                yield Skip(REST)
            yield from self._chunk(seen[:4], int.from_bytes(seen[4:8], self._order))
            return int.from_bytes(seen[4:8], self._order)
        yield Skip(size)
        return size

    @property
    def _is_odd(self) -> bool:
        return self.sound_size is not None and self.sound_size % 2 == 1

    def _is_whole_without(self, missing: int, ends_with_sound: bool) -> bool:
        # RIFF counts the padding byte of an odd number of sound bytes, and some count the 8 bytes of its own header.
        return ends_with_sound and (missing == 8 or (missing == 1 and self._is_odd))

    def _may_lack_padding(self, size: int) -> bool:
        return self._is_odd and self.sound_end == size

    def _ends_with_padding(self, size: int, file_end: int) -> bool:
        return self._is_odd and self.sound_end == file_end and size == file_end + 1


_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of all chunk names but riff
_LIST_GUID = b"list" + bytes.fromhex("2f91cf11a5d628db04c10000")


class Wave64(WaveFile):
    """Wave64: chunks are named by 16 bytes, their 64-bit lengths count their own header, and they start at eights."""

    audio = WAVE64

    def steps(self) -> Steps:
        """Chunk by chunk, from the first one on."""
        head = yield Read(40)
        told = int.from_bytes(head[16:24], "little")
        self.file_end = told if 40 <= told < self.placeholder else None
        for _ in range(MAX_CHUNKS):
            header = yield Next(24)
            name, size = header[:16], int.from_bytes(header[16:24], "little") - 24
            if size < 0 or not (name.endswith(_W64_TAIL) or name == _LIST_GUID):
                self.lost = not is_padding(header)
                return
            seen = b""
            if name.startswith(b"fmt "):
                seen = yield Read(min(size, _FMT))
                self.describe(seen)
            elif name.startswith(b"data"):
                self.sound_at, self.sound_size = self.walk.position, size
            yield Skip(size - len(seen))
            if padding := -size % 8:
                yield Next(padding)

    def _is_whole_without(self, missing: int, ends_with_sound: bool) -> bool:
        return ends_with_sound and missing < 8
