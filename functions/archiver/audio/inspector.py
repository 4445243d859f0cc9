"""Judges a recording's bytes as they stream past: what kind of audio they are and whether they are all there.

The downloader feeds each chunk to an `Inspector` on its way to the bucket. Memory stays below a few hundred KiB and the
cost per chunk does not depend on its length. Only the bytes are believed: no content type, no file name. The standard
library alone is used here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from functions.archiver.audio import mp3

_HEAD = 16_384  # judged at once, so that no verdict depends on how the bytes were cut into chunks
_TAIL = 65_536  # holds the largest Ogg page, 65,307 bytes
_MAX_RIFF_CHUNKS = 1000
_RIFF_PADDING = 1024
_RIFF_PLACEHOLDER = 0x7FFFF000  # SoX writes this to a pipe, others 0x7FFFFFFF or 0xFFFFFFFF: size not known yet
_UNKNOWN = 0xFFFFFFFF
_REST = 1 << 80  # longer than any body


@dataclass(frozen=True, kw_only=True, slots=True)
class Audio:
    """A kind of audio file: the extension without its dot, and the content type to store it with."""

    extension: str
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a whole body turned out to be.

    `complete` is True when the format itself proves the end, False when it shows that bytes are missing, None when it
    proves nothing. `problem` says in a few words what came in place of a recording; `complete` is then never True.
    `no_sound` marks a sound header without sound behind it: a call of zero seconds rather than a broken file.
    """

    audio: Audio | None
    size_bytes: int
    complete: bool | None = None
    problem: str | None = None
    no_sound: bool = False


MP3 = Audio(extension="mp3", content_type="audio/mpeg")
WAV = Audio(extension="wav", content_type="audio/wav")
OGG = Audio(extension="ogg", content_type="audio/ogg")
OPUS = Audio(extension="opus", content_type="audio/ogg")
FLAC = Audio(extension="flac", content_type="audio/flac")
M4A = Audio(extension="m4a", content_type="audio/mp4")
MP4 = Audio(extension="mp4", content_type="video/mp4")
AMR = Audio(extension="amr", content_type="audio/amr")
AMR_WB = Audio(extension="awb", content_type="audio/amr-wb")
AU = Audio(extension="au", content_type="audio/basic")
AIFF = Audio(extension="aif", content_type="audio/aiff")
WEBM = Audio(extension="webm", content_type="audio/webm")

_MAGIC = (
    (re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", re.DOTALL), WAV),
    (re.compile(rb"OggS.{24,279}OpusHead", re.DOTALL), OPUS),
    (re.compile(rb"OggS\0"), OGG),
    (re.compile(rb"fLaC"), FLAC),
    (re.compile(rb".{4}ftypM4[AB] ", re.DOTALL), M4A),
    (re.compile(rb".{4}ftyp(?:iso|mp4|3gp|dash|avc1|M4V|qt)", re.DOTALL), MP4),
    (re.compile(rb"#!AMR\n"), AMR),
    (re.compile(rb"#!AMR-WB\n"), AMR_WB),
    (re.compile(rb"\.snd"), AU),
    (re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL), AIFF),
    (re.compile(rb"\x1a\x45\xdf\xa3.{0,60}webm", re.DOTALL), WEBM),
)

_NOT_AUDIO = (
    (b"GIF8", "a GIF image"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"%PDF", "a PDF document"),
    (b"RIFF", "a RIFF file without sound"),
    (b"FLV", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG video"),
)

_HTML = re.compile(r"(?>(?:<\?xml[^>]*>|<!--.*?-->|\s)*)<(?:!doctype\s+html|html|head|body)\b", re.DOTALL)
_BINARY = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def sniff(head: bytes, *, whole: bool = False) -> Audio | None:
    """The kind of audio that starts with `head`; None when it is none we know, or too little to be sure.

    `whole` says that nothing follows, so that a single MP3 frame may count. Some 16 KiB are enough for every kind; an
    ID3 tag that is longer than `head` counts as an MP3.
    """
    start, tags = mp3.skip_id3(head)
    if tags:
        return MP3 if start > len(head) or _first_frame(head[start:], whole=whole) is not None else None
    for magic, audio in _MAGIC:
        if magic.match(head):
            return audio
    return MP3 if _first_frame(head, whole=whole) is not None else None


def describe(head: bytes) -> str:
    """What a body that is not audio seems to be, for a person. Quotes at most four bytes of it, in hex."""
    if not head:
        return "an empty body"
    named = _named(head)
    return f"{named} in place of audio" if named else f"unknown kind of data (starts with {head[:4].hex(' ')})"


def _first_frame(head: bytes, *, whole: bool) -> int | None:
    return mp3.first_frame(head, whole=whole, junk=_named(head) is None)


def _named(head: bytes) -> str | None:
    for magic, name in _NOT_AUDIO:
        if head.startswith(magic):
            return name
    text = _text(head[:1024])
    if text is None:
        return None
    if _HTML.match(text):
        return "an HTML page"
    if text.startswith("<"):
        return "an XML document"
    return "a JSON document" if text.startswith(("{", "[")) else "plain text"


def _text(head: bytes) -> str | None:
    """The head in lower case without byte order mark and leading blanks; None when it is binary."""
    wide = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else None
    if not wide and len(head) > 1 and (head[0] == 0) != (head[1] == 0):
        wide = "utf-16-le" if head[0] else "utf-16-be"
    text = head.decode(wide, "ignore") if wide else head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    text = text.lstrip().lower()
    if _BINARY.search(text):
        return None
    # A page in an older encoding than UTF-8 still starts with one of these; a few stray bytes of a binary do not.
    plain = not wide and "\ufffd" not in (text[:-1] or text)
    return text if plain or text.startswith(("<", "{", "[")) else None


class Inspector:
    """Looks at one body, chunk by chunk. The verdict is the same however the body was cut into chunks."""

    def __init__(self) -> None:
        self._size = 0
        self._head = b""
        self._tail = bytearray()
        self._tags = 0  # ID3 tags in front
        self._skip = 0  # bytes of such a tag still to come
        self._start = 0  # where the first tag-free byte lies in the body
        self._decided = False
        self._audio: Audio | None = None
        self._riff: _Riff | None = None

    @property
    def audio(self) -> Audio | None:
        """The kind of audio so far: None before 16 KiB have come, or when it is none.

        An ID3 tag alone counts as an MP3 while the tag lasts, so only `finish()` has the last word.
        """
        return MP3 if self._tags and not self._decided else self._audio

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._size += len(chunk)
        self._tail += chunk[-_TAIL:]
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]
        if self._decided:
            if self._riff:
                self._riff.feed(chunk)
            return
        skipped = min(self._skip, len(chunk))
        self._skip -= skipped
        if self._skip == 0:
            self._collect(self._head + chunk[skipped:])

    def finish(self) -> Verdict:
        """Judge the body after its last chunk."""
        if not self._decided and not self._skip:
            self._decide(self._head, whole=True)
        tail = bytes(self._tail[-_TAIL:])
        if self._riff:
            return self._riff.verdict(self._size)
        if self._audio is None:
            return self._not_audio()
        if self._audio is MP3:
            complete = self._mp3_complete(tail)
        else:
            complete = _ogg_complete(tail) if self._audio in (OGG, OPUS) else None
        return Verdict(audio=self._audio, size_bytes=self._size, complete=complete)

    def _collect(self, data: bytes) -> None:
        at, tags = mp3.skip_id3(data, mp3.MAX_ID3_TAGS - self._tags)
        self._start += at
        self._tags += tags
        self._skip = max(0, at - len(data))
        self._head = data[at:]
        if len(self._head) >= _HEAD:
            self._decide(self._head, whole=False)

    def _decide(self, data: bytes, *, whole: bool) -> None:
        self._decided = True
        self._head = data[:_HEAD]
        if self._tags:
            self._audio = MP3 if _first_frame(self._head, whole=whole) is not None else None
        else:
            self._audio = sniff(self._head, whole=whole)
        if self._audio is WAV:
            self._riff = _Riff(self._head)
            self._riff.feed(data)

    def _not_audio(self) -> Verdict:
        cut = self._skip > 0 or mp3.cut_in_first_frame(self._head, self._size - self._start)
        problem = "an MP3 tag without a single frame" if self._tags else describe(self._head)
        return Verdict(audio=None, size_bytes=self._size, complete=False if cut else None, problem=problem)

    def _mp3_complete(self, tail: bytes) -> bool | None:
        first = _first_frame(self._head, whole=len(self._head) < _HEAD)
        return None if first is None else mp3.is_complete(tail, self._head, first, self._size - self._start)


def _ogg_complete(tail: bytes) -> bool | None:
    """True when the last page ends with the body and is marked as the stream's end; False when it is cut."""
    at = tail.rfind(b"OggS\0")
    if at < 0:
        return None
    segments = tail[at + 26] if at + 26 < len(tail) else 255
    end = at + 27 + segments + sum(tail[at + 27 : at + 27 + segments])
    if end > len(tail):
        return False
    return True if end == len(tail) and tail[at + 5] & 4 else None


class _Riff:
    """Walks the chunks of a WAVE file up to its sound by counting; buffers nothing but chunk headers."""

    def __init__(self, head: bytes) -> None:
        self._order: Literal["little", "big"] = "big" if head.startswith(b"RIFX") else "little"
        self._riff_end = self._end(head[4:8], 8)
        self._long_size = 0  # of the data, from the ds64 chunk of RF64 and BW64
        self._data_at: int | None = None
        self._data_size = 0
        self._at = self._chunks = 0
        self._skip, self._need, self._pending = 12, 8, b""

    def _end(self, raw: bytes, start: int) -> int | None:
        """Where something of this size ends; None for the sizes 0 and all ones, which mean unknown."""
        size = int.from_bytes(raw, self._order)
        return None if size in (0, (1 << 8 * len(raw)) - 1) else start + size

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, from the very first on."""
        used = 0
        while used < len(chunk):
            step = min(self._skip or self._need - len(self._pending), len(chunk) - used)
            if self._skip:
                self._skip -= step
            else:
                self._pending += chunk[used : used + step]
            used += step
            self._at += step
            if len(self._pending) == self._need:
                self._parse(self._pending)

    def _parse(self, header: bytes) -> None:
        """Read a chunk header, or a ds64 chunk as far as its sizes go; decide what to skip."""
        name, size = header[:4], int.from_bytes(header[4:8], self._order)
        if name == b"ds64" and size >= 16 and self._need == 8:
            self._need = 24
            return
        self._skip = size + size % 2 - (self._need - 8)
        self._need, self._pending = 8, b""
        self._chunks += 1
        if name == b"ds64" and len(header) == 24:
            self._riff_end = self._end(header[8:16], 8)
            self._long_size = int.from_bytes(header[16:24], self._order)
        elif name == b"data":
            self._data_at = self._at
            self._data_size = self._long_size if size == _UNKNOWN and self._long_size else size
            self._skip = _REST
        if self._chunks == _MAX_RIFF_CHUNKS or self._at + self._skip >= (self._riff_end or _REST):
            self._skip = _REST

    def verdict(self, size: int) -> Verdict:
        """Judge a body of this size. A header whose sound never came is cut; one that promised none is no sound."""
        data_end = None
        if self._data_at is not None and self._data_size not in (0, _UNKNOWN):
            data_end = self._data_at + self._data_size
        riff_end, data_end = _unless_placeholder(self._riff_end, size), _unless_placeholder(data_end, size)
        # Some writers count the 8 bytes of the RIFF header itself; whole data then speaks for the file.
        slack = 8 if data_end is not None and data_end <= size else 0
        if riff_end is not None and riff_end > size + slack:
            return Verdict(audio=WAV, size_bytes=size, complete=False)
        if data_end is not None and data_end > size and riff_end != size:
            return Verdict(audio=WAV, size_bytes=size, complete=False)
        if self._data_at is None and self._riff_end is None and size <= _RIFF_PADDING:
            return Verdict(audio=WAV, size_bytes=size, complete=False)  # every WAVE file has a data chunk
        if self._is_empty(size):
            return Verdict(audio=WAV, size_bytes=size, problem="a WAV header without sound", no_sound=True)
        if riff_end is None or data_end is None:
            return Verdict(audio=WAV, size_bytes=size)
        # The padding byte of an odd number of sound bytes may be counted and yet not written.
        end = data_end if riff_end - data_end == self._data_size % 2 else riff_end
        fits = data_end <= end <= size <= end + _RIFF_PADDING
        return Verdict(audio=WAV, size_bytes=size, complete=True if fits else None)

    def _is_empty(self, size: int) -> bool:
        if self._data_at is None:
            return self._riff_end is not None and size <= self._riff_end + _RIFF_PADDING
        # A size of 0 may be a header never completed: then much follows it.
        return size - self._data_at <= (_RIFF_PADDING if self._data_size == 0 else 0)


def _unless_placeholder(end: int | None, size: int) -> int | None:
    return None if end is not None and end >= _RIFF_PLACEHOLDER and end > size else end
