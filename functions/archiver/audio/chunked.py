"""Formats that are chunks with a name and a length, with the sound in one of them: WAV, Wave64, AIFF, CAF, AU.

They differ in how a chunk is written. How their lengths are held against what came is the same and stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from functions.archiver.audio.kinds import Audio, Findings, Piece
from functions.archiver.audio.walking import Steps, Walk

MAX_CHUNKS = 1000
PADDING = 1024
"""So many bytes behind the sound's place are still no sound."""


class Chunked(ABC):
    """One file of chunks. The steps note what they find in these attributes; positions are from the file's start."""

    audio: Audio
    placeholder = 1 << 63
    """Lengths from here on may stand for *not known yet*; they count only where so many bytes did come."""

    def __init__(self) -> None:
        self.walk = Walk()
        self.file_end: int | None = None  # as the container tells it
        self.sound_at: int | None = None
        self.sound_size: int | None = None  # None: not told
        self.lost = False  # the walk met something that is no chunk
        self.never_said = False  # the sound's length stands at 0, as before a header is completed
        self.codec: str | None = None
        self.channels: int | None = None
        self.sample_rate: int | None = None
        self.byte_rate: float | None = None
        self.samples: int | None = None
        self.walk.begin(self.steps())

    @abstractmethod
    def steps(self) -> Steps:
        """The walk over the chunks."""

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        self.walk.feed(data)

    def finish(self, size: int) -> Findings:
        """Hold the lengths that the chunks tell against the `size` bytes that came."""
        sound = self._sound_bytes(size)
        complete, cut, promised = self._ending(size)
        if not sound:
            complete = cut = promised = None
        return Findings(
            has_sound=sound > 0,
            complete=complete,
            cut=cut,
            promised_bytes=promised,
            codec=self.codec,
            channels=self.channels or None,
            sample_rate=self.sample_rate or None,
            duration_seconds=self._duration(sound),
        )

    @property
    def sound_end(self) -> int | None:
        """Where the sound ends by its own length."""
        return None if self.sound_at is None or self.sound_size is None else self.sound_at + self.sound_size

    def _sound_bytes(self, size: int) -> int:
        behind = size - (self.sound_at or 0)
        if self.sound_at is None or self.sound_size == 0:
            # Of a file that lost its way, whatever lies there may be sound.
            return behind if self.lost and behind > PADDING else 0
        if self.never_said:
            return behind if behind > PADDING else 0
        return max(0, behind if self.sound_size is None else min(self.sound_size, behind))

    def _ending(self, size: int) -> tuple[bool | None, str | None, int | None]:
        file_end, sound_end = self._known(self.file_end, size), self._known(self.sound_end, size)
        if sound_end is not None and sound_end > size and file_end != size:
            return False, f"its header announces {sound_end} bytes", sound_end
        if self.sound_at is None:
            return False, "its sound is not where its header says", None
        if file_end is not None and file_end > size:
            if self._is_whole_without(file_end - size, sound_end == size):
                return None, None, None
            return False, f"its header announces {file_end} bytes", file_end
        begun_behind = file_end is not None and file_end < size and sound_end is not None and self.walk.missing > 0
        if self.lost or begun_behind:
            return False, "something else follows its sound", None
        if file_end is None:
            return self._without_file_end(size, sound_end)
        sound_fits = sound_end is None or sound_end <= size
        fits = file_end == size and not self._may_lack_padding(size)
        return True if sound_fits and (fits or self._ends_with_padding(size, file_end)) else None, None, None

    def _without_file_end(self, size: int, sound_end: int | None) -> tuple[bool | None, str | None, int | None]:
        chunk_end = self._known(size + self.walk.missing, size)
        if chunk_end is not None and chunk_end > size:
            return False, f"its last chunk announces {chunk_end} bytes", chunk_end
        return self._ends_with_sound(size, sound_end), None, None

    def _known(self, end: int | None, size: int) -> int | None:
        return None if end is not None and end >= self.placeholder and end > size else end

    def _is_whole_without(self, missing: int, ends_with_sound: bool) -> bool:
        """Whether the container may count these bytes without their being a part of the file."""
        return False

    def _may_lack_padding(self, size: int) -> bool:
        """Whether there may be padding behind the container's end that it does not count, and that is not there."""
        return False

    def _ends_with_padding(self, size: int, file_end: int) -> bool:
        """Whether the bytes behind the container's end are only padding that it does not count."""
        return False

    def _ends_with_sound(self, size: int, sound_end: int | None) -> bool | None:
        """For containers that tell no length of their own."""
        return None

    def _duration(self, sound: int) -> float | None:
        seconds = None
        if self.samples and self.sample_rate:
            seconds = self.samples / self.sample_rate
        elif self.byte_rate:
            seconds = sound / self.byte_rate
        return round(seconds, 3) if seconds is not None and seconds < 10**7 else None


def is_padding(data: bytes) -> bool:
    """Whether there are only zeros."""
    return not data.strip(b"\0")


def is_name(name: bytes) -> bool:
    """Whether these bytes can name a chunk or a box: printable, with blanks only at the end."""
    return all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in name) and name[:1] != b" "
