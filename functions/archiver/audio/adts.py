"""AAC in ADTS frames (ISO/IEC 13818-7), as phones and streaming recorders write it."""

from __future__ import annotations

import re

from functions.archiver.audio.frames import Frames
from functions.archiver.audio.kinds import AAC, Audio, Findings
from functions.archiver.audio.tags import without_tags

_SYNC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_HERTZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_SAMPLES = 1024


def frame_length(data: bytes, at: int) -> int:
    """Bytes of the frame whose seven bytes of header are at `at`; 0 when there is none."""
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 > 12:
        return 0
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return length if length > 7 else 0


def is_adts(head: bytes, *, whole: bool) -> bool:
    """Whether `head` starts with three frames, or with fewer that fill it.

    Of a body that goes on behind its head the two longest may leave no room for the third one's header.
    """
    count, at = 0, 0
    while count < 3 and (length := frame_length(head, at)):
        at += length
        count += 1
    if not whole:
        return count == 3 or (count == 2 and at + 7 > len(head))
    return count == 3 or (count > 0 and (at >= len(head) or at == len(without_tags(head))))


class Adts(Frames):
    """A file of ADTS frames."""

    header = 7
    audio: Audio = AAC

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self._fixed = head[1] & 0xFE, head[2] & 0xFD  # what stays the same in all frames of a file
        self._start = 0xFF0000 | self._fixed[0] << 8 | self._fixed[1]
        self._hertz = _HERTZ[head[2] >> 2 & 15]
        self._channels = ((head[2] & 1) << 2 | head[3] >> 6) or None
        self._blocks = 0

    def walk(self, data: bytes, at: int) -> int:
        blocks, count = 0, 0
        while len(head := data[at : at + 7]) == 7:
            bits = int.from_bytes(head, "big")
            length = bits >> 13 & 0x1FFF
            if bits >> 32 & 0xFFFEFD != self._start or length <= 7:
                break
            blocks += 1 + (bits & 3)
            count += 1
            at += length
        self._blocks += blocks
        self.count += count
        return at

    def resync(self, data: bytes) -> int:
        for found in _SYNC.finditer(data):
            at = found.start()
            for _ in range(4):
                # Frames of another kind do not count: the walk would stop at them, and never get any further.
                length = frame_length(data, at) if self._is_mine(data, at) else 0
                at += length
                if not length:
                    break
            else:
                return found.start()
        return -1

    def _is_mine(self, data: bytes, at: int) -> bool:
        return at + 7 <= len(data) and (data[at + 1] & 0xFE, data[at + 2] & 0xFD) == self._fixed

    def begins_frame(self, rest: bytes) -> bool:
        return rest[0] == 0xFF and (len(rest) == 1 or rest[1] & 0xFE == self._fixed[0])

    def finish(self, size: int) -> Findings:
        """Judge what was fed: an end between two frames proves nothing."""
        complete, cut = self.end()
        return Findings(
            has_sound=self.fed > self.header,
            complete=complete,
            cut=cut,
            codec="aac",
            channels=self._channels,
            sample_rate=self._hertz,
            duration_seconds=round(self._blocks * _SAMPLES / self._hertz, 3),
        )
