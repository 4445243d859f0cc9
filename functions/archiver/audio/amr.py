"""AMR and AMR-WB files (RFC 4867): a magic line, then frames of 20 ms."""

from __future__ import annotations

from functions.archiver.audio.frames import Frames
from functions.archiver.audio.kinds import AMR, AMR_WB, Audio, Findings
from functions.archiver.audio.magic import AMR_NARROW, AMR_NARROW_CHANNELS, AMR_WIDE, AMR_WIDE_CHANNELS

_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)  # by frame type, with the byte that tells it
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_SECONDS = 0.02

_BY_START = {
    AMR_NARROW: (AMR, _NARROW, 0),
    AMR_WIDE: (AMR_WB, _WIDE, 0),
    AMR_NARROW_CHANNELS: (AMR, _NARROW, 4),
    AMR_WIDE_CHANNELS: (AMR_WB, _WIDE, 4),
}
"""The kind, the length of its frames, and how many bytes describe its channels."""


class Amr(Frames):
    """An AMR file of either kind."""

    header = 1

    def __init__(self, head: bytes) -> None:
        super().__init__()
        magic = next(each for each in _BY_START if head.startswith(each))
        self.audio: Audio
        self.audio, lengths, described = _BY_START[magic]
        # The frame type is in four bits, the fifth tells the quality; the others are zero.
        self._lengths = {
            kind << 3 | good << 2: length for kind, length in enumerate(lengths) for good in (0, 1) if length
        }
        self._skip = self._start = len(magic) + described
        self._channels = head[len(magic) + 3] & 15 if described and len(head) >= self._start else 1

    def walk(self, data: bytes, at: int) -> int:
        end, lengths, count = len(data), self._lengths, 0
        while at < end and (length := lengths.get(data[at])):
            at += length
            count += 1
        self.count += count
        return at

    def resync(self, data: bytes) -> int:
        """A header of AMR is no pattern to find again."""
        return -1

    def begins_frame(self, rest: bytes) -> bool:
        return rest[0] in self._lengths

    def finish(self, size: int) -> Findings:
        """Judge what was fed: an end between two frames proves nothing."""
        complete, cut = self.end()
        return Findings(
            has_sound=size - self._start > self.count,  # a frame of one byte says that nothing was sent
            complete=complete,
            cut=cut,
            codec="amr" if self.audio is AMR else "amr-wb",
            channels=self._channels,
            sample_rate=8_000 if self.audio is AMR else 16_000,
            duration_seconds=round(self.count * _SECONDS / (self._channels or 1), 3),
        )
