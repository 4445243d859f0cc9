"""Formats that are nothing but frames, one after the other: MP3, AAC in ADTS, AMR.

Every frame tells its own length, so the walk jumps from header to header. What does not fit is looked at again at the
end: tags are welcome there, anything else shows that the body broke off.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from functions.archiver.audio.kinds import Piece
from functions.archiver.audio.tags import ID3_HEADER, begins_tag, id3_length, without_tags

_RESYNC = 16_384
"""So much has to follow until a lost walk is taken up again; holds several of the largest frames."""


class Frames(ABC):
    """Walks over frames of which none needs more than `header` bytes to tell its length."""

    header = 4

    def __init__(self) -> None:
        self.count = 0
        self.gaps = 0
        self.fed = 0
        self.whole_bytes = 0
        """Bytes up to the end of the last whole frame, as counted from the first byte that was fed."""
        self._carry = b""  # the start of a header whose rest is still to come
        self._skip = 0
        self._lost: bytearray | None = None
        self._lost_bytes = 0

    @abstractmethod
    def walk(self, data: bytes, at: int) -> int:
        """Jumps from header to header, the first at `at`, counts them, and tells where something else comes.

        Both places may lie behind the end of `data`.
        """

    @abstractmethod
    def resync(self, data: bytes) -> int:
        """Where several frames that `walk` would count follow each other again; -1 when nowhere in `data`."""

    def feed(self, data: Piece) -> None:
        """Take the next bytes, from the first frame on."""
        self.fed += len(data)
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._go_on(bytes(data[skipped:]))

    def _go_on(self, data: bytes) -> None:
        while data:
            data = self._find(data) if self._lost is not None else self._jump(data)

    def _jump(self, data: bytes) -> bytes:
        """Over all frames in `data`; what is left when they end."""
        data = self._carry + data
        self._carry = b""
        at = self._frames_and_tags(data)
        if at >= len(data):
            self._skip = at - len(data)
        elif at + self.header > len(data) or (at + ID3_HEADER > len(data) and data.startswith(b"ID3", at)):
            self._carry = data[at:]
        else:
            self.whole_bytes = self.fed - (len(data) - at)
            self._lost, self._lost_bytes = bytearray(), 0
            return data[at:]
        return b""

    def _frames_and_tags(self, data: bytes) -> int:
        at = self.walk(data, 0)
        while at < len(data) and (tag := id3_length(data, at)):
            at = self.walk(data, at + tag)
        return at

    def _find(self, data: bytes) -> bytes:
        """Keeps what is no frame until there is enough to tell whether frames go on behind it."""
        assert self._lost is not None
        room = 2 * _RESYNC - len(self._lost)
        self._lost += data[:room]
        if len(self._lost) < 2 * _RESYNC:
            return b""
        at = self.resync(bytes(self._lost))
        rest = data[room:]
        if at < 0:
            kept = len(self._lost) - _RESYNC
            self._lost_bytes += kept
            del self._lost[:kept]
            return rest
        again = bytes(self._lost[at:]) + rest
        self._lost = None
        self.gaps += 1
        return again

    def end(self) -> tuple[bool | None, str | None]:
        """How the body ends: (None, None) behind a whole frame or a whole tag, else (False, what is wrong)."""
        while self._lost is not None:
            rest = bytes(self._lost)
            at = self.resync(rest)
            if at < 0:
                return self._foreign(rest)
            self._lost = None
            self.gaps += 1
            self._go_on(rest[at:])
        if self._carry:
            self.whole_bytes = self.fed - len(self._carry)
            return self._foreign(self._carry)
        if self._skip:
            return False, "its last frame is cut"
        self.whole_bytes = self.fed
        return None, None

    def _foreign(self, rest: bytes) -> tuple[bool | None, str | None]:
        if self._lost_bytes == 0:
            behind = without_tags(rest)
            if not behind.strip(b"\0"):
                return None, None
            if begins_tag(behind):
                return False, "the tag behind its last frame is cut"
            if len(behind) < self.header and self.begins_frame(behind):
                return False, "its last frame is cut"
        return False, "something else follows its last frame"

    @abstractmethod
    def begins_frame(self, rest: bytes) -> bool:
        """Whether these few bytes are the start of another header."""
