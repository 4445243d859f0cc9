"""Judges a recording's bytes as they stream past: what kind of audio they are and whether they are all there.

The downloader feeds each chunk to an `Inspector` on its way to the bucket. Memory stays below a few hundred KiB and the
cost per chunk does not depend on its length. Only the bytes are believed: no content type, no file name. The standard
library alone is used here. Each family of formats has a module of its own, `formats` tells which one is asked.
"""

from __future__ import annotations

from functions.archiver.audio.documents import describe, error_document
from functions.archiver.audio.formats import is_a_start_alone, parser_of
from functions.archiver.audio.kinds import MP3, Audio, Findings, Kind, Piece, Verdict
from functions.archiver.audio.tags import MAX_TAGS, skip_id3, without_tags
from functions.archiver.audio.walking import Parser

HEAD = 16_384
"""Judged at once, so that no verdict depends on how the bytes were cut into chunks."""


class Inspector:
    """Looks at one body, chunk by chunk. The verdict is the same however the body was cut into chunks."""

    def __init__(self) -> None:
        self._size = 0
        self._head = b""
        self._tags = 0  # ID3 tags in front
        self._skip = 0  # bytes of such a tag still to come
        self._start = 0  # where the first tag-free byte lies in the body
        self._decided = False
        self._parser: Parser | None = None

    @property
    def audio(self) -> Audio | None:
        """The kind of audio so far: None before 16 KiB have come, or when it is none.

        An ID3 tag alone counts as an MP3 while the tag lasts, so only `finish()` has the last word.
        """
        if self._tags and not self._decided:
            return MP3
        return self._parser.audio if self._parser else None

    @property
    def kind(self) -> Kind | None:
        """The kind of body so far: None before 16 KiB have come."""
        if self.audio is not None:
            return Kind.AUDIO
        return _kind_of_other(self._head) if self._decided else None

    def feed(self, chunk: Piece) -> None:
        """Take the next bytes of the body."""
        self._size += len(chunk)
        rest = memoryview(chunk)
        while rest and not self._decided:
            taken = self._skip or HEAD
            if self._skip:
                self._skip -= len(rest[:taken])
            else:
                self._collect(self._head + rest[:taken])
            rest = rest[taken:]
        if rest and self._parser:
            self._parser.feed(rest)

    def finish(self) -> Verdict:
        """Judge the body after its last chunk."""
        if not self._decided and not self._skip:
            self._decide(self._head, whole=True)
        if self._parser is not None:
            return self._verdict(self._parser.audio, self._parser.finish(self._size - self._start))
        if problem := self._nothing_behind():
            return Verdict(
                kind=Kind.NO_SOUND, audio=MP3 if self._tags else None, size_bytes=self._size, problem=problem
            )
        kind = _kind_of_other(self._head) if self._size else Kind.NO_SOUND
        return Verdict(kind=kind, audio=None, size_bytes=self._size, problem=describe(self._head))

    def _nothing_behind(self) -> str | None:
        """The kind of a body that is no more than the beginning or the end of a file with sound."""
        if self._size - self._start > len(self._head):
            return None
        behind = without_tags(self._head)
        if not behind.strip(b"\0") and (self._tags or len(behind) < len(self._head)):
            return f"{'an ID3' if self._tags else 'a'} tag without sound behind it"
        return "the start of a header without sound" if is_a_start_alone(self._head) else None

    def _verdict(self, audio: Audio, found: Findings) -> Verdict:
        if not found.has_sound:
            problem = f"{audio.name} header without sound"
            return Verdict(kind=Kind.NO_SOUND, audio=audio, size_bytes=self._size, problem=problem, codec=found.codec)
        return Verdict(
            kind=Kind.AUDIO,
            audio=audio,
            size_bytes=self._size,
            complete=found.complete,
            cut=found.cut,
            promised_bytes=None if found.promised_bytes is None else self._start + found.promised_bytes,
            codec=found.codec,
            channels=found.channels,
            sample_rate=found.sample_rate,
            duration_seconds=found.duration_seconds,
        )

    def _collect(self, data: bytes) -> None:
        at, tags = skip_id3(data, MAX_TAGS - self._tags)
        self._start += at
        self._tags += tags
        self._skip = max(0, at - len(data))
        self._head = data[at:]
        if len(self._head) >= HEAD:
            self._decide(self._head, whole=False)

    def _decide(self, data: bytes, *, whole: bool) -> None:
        self._decided = True
        self._head = data[:HEAD]
        self._parser = parser_of(self._head, whole=whole)
        if self._parser:
            self._parser.feed(data)


def _kind_of_other(head: bytes) -> Kind:
    return Kind.ERROR_DOCUMENT if error_document(head) else Kind.UNKNOWN
