"""The frames of MPEG audio, layers II and III: where they start, and whether the last one is whole.

Part of `archiver.audio`, which is what others use. Looks at the head and the tail of a file only, so that its cost
does not grow with the file. The standard library alone is used here.
"""

from __future__ import annotations

import re

MAX_ID3_TAGS = 8
_WINDOW = 16_384  # at least nine of the largest frames
_JUNK = 2048  # more than the largest frame, 1,729 bytes
_XING = re.compile(rb"Xing|Info")


def skip_id3(data: bytes, limit: int = MAX_ID3_TAGS) -> tuple[int, int]:
    """How many bytes of ID3v2 tags are in front (may be more than `data` holds), and how many tags."""
    at = tags = 0
    while tags < limit and data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        a, b, c, d = data[at + 6 : at + 10]
        if (a | b | c | d) & 0x80 or 0xFF in data[at + 3 : at + 5]:
            break
        footer = 10 if data[at + 5] & 0x10 else 0
        at += 10 + (a << 21 | b << 14 | c << 7 | d) + footer
        tags += 1
    return at, tags


_MPEG1_LAYER2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MPEG1_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # layers II and III alike
_HERTZ = (44_100, 48_000, 32_000)
_HALVINGS = {3: 0, 2: 1, 0: 2}  # MPEG version bits: 1, 2, 2.5


def _frame_length(data: bytes, at: int) -> int:
    """Bytes of the MPEG audio frame (layer II or III) whose header is at `at`; 0 when there is none.

    Free format, whose length no header tells, counts as none.
    """
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    bitrate, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or layer not in (1, 2) or bitrate in (0, 15) or rate == 3 or data[at + 3] & 3 == 2:
        return 0
    layer3 = layer == 1
    kbits = _MPEG2 if version != 3 else _MPEG1_LAYER3 if layer3 else _MPEG1_LAYER2
    samples = 576 if layer3 and version != 3 else 1152
    hertz = _HERTZ[rate] >> _HALVINGS[version]
    return samples * 125 * kbits[bitrate] // hertz + (data[at + 2] >> 1 & 1)


def _kind(data: bytes, at: int) -> tuple[int, int]:
    """What stays the same in all frames of a file: version, layer, sample rate."""
    return data[at + 1] & 0xFE, data[at + 2] & 0x0C


def _chain(data: bytes, at: int, kind: tuple[int, int]) -> tuple[int, int]:
    """How many frame headers of this kind follow each other from `at`, and where the last of these frames ends."""
    count = 0
    while (length := _frame_length(data, at)) and _kind(data, at) == kind:
        count += 1
        at += length
    return count, at


def first_frame(head: bytes, *, whole: bool, junk: bool) -> int | None:
    """Where the first MP3 frame starts; None without one. Two frames must follow each other.

    `whole` says that nothing follows `head`: a single frame may then fill it. `junk` allows for the rest of a frame
    in front, as a stream joined midway has; then four frames must follow each other.
    """
    zeros = len(head) - len(head.lstrip(b"\0"))
    if _frame_length(head, zeros):
        count, end = _chain(head, zeros, _kind(head, zeros))
        if count >= 2 or (whole and end == len(_without_tags(head))):
            return zeros
    if not junk:
        return None
    at = head.find(b"\xff", 0, _JUNK)
    while at >= 0:
        if _frame_length(head, at) and _chain(head, at, _kind(head, at))[0] >= 4:
            return at
        at = head.find(b"\xff", at + 1, _JUNK)
    return None


def cut_in_first_frame(head: bytes, size: int) -> bool:
    """Whether a body of this size ends within its first frame or in front of the second one's header."""
    length = _frame_length(head, 0)
    return length > 0 and size < length + 4 and size != length


def is_complete(tail: bytes, head: bytes, first: int, size: int) -> bool | None:
    """Whether an MP3 ends where a frame does; None when its last bytes do not show it.

    `head` is the start of its `size` bytes with the first frame at `first`, `tail` the end of them; both may overlap.
    """
    kept = _without_tags(tail)
    window = kept[-_WINDOW:]
    window_at = size - len(tail) + len(kept) - len(window)
    complete = _end(window, _kind(head, first), first - window_at)
    # Cutting tools leave the old count in place, so too large a count only takes the proof away.
    return None if complete and _xing_bytes(head, first) > size - first else complete


def _without_tags(body: bytes) -> bytes:
    """The body without the ID3v1, APE and Lyrics3 tags at its end."""
    if len(body) >= 128 and body[-128:-125] == b"TAG":
        body = body[:-128]
    for _ in range(2):
        if body.endswith(b"LYRICS200") and body[-15:-9].isdigit():
            body = body[: max(0, len(body) - int(body[-15:-9]) - 15)]
        elif len(body) >= 32 and body[-32:-24] == b"APETAGEX":
            size = int.from_bytes(body[-20:-16], "little") + (32 if body[-9] & 0x80 else 0)
            body = body[: max(0, len(body) - size)]
    return body


def _end(window: bytes, kind: tuple[int, int], first: int) -> bool | None:
    """Whether the last frames end exactly where `window` does. `first` is the file's first frame, if not negative."""
    at = first if first >= 0 else window.find(b"\xff")
    while 0 <= at < len(window):
        count, end = _chain(window, at, kind)
        if count < 4 and (at != first or count == 0):  # a stray sync inside a frame's own data
            at = window.find(b"\xff", at + 1)
            continue
        if end >= len(window):
            return end == len(window)
        if _cut_short(window[end:]):
            return False
        at = window.find(b"\xff", end)
    return None


def _cut_short(rest: bytes) -> bool:
    """Whether the bytes after the last whole frame are the start of another header or of an ID3v1 tag."""
    if len(rest) < 4 and rest[0] == 0xFF:
        return len(rest) == 1 or rest[1] & 0xE0 == 0xE0
    return len(rest) < 128 and rest[:3] == b"TAG"[: len(rest)]


def _xing_bytes(head: bytes, first: int) -> int:
    """The byte count in the Xing or Info header that encoders put into the first frame; 0 without one."""
    found = _XING.search(head, first + 4, first + 44)
    if not found:
        return 0
    flags = int.from_bytes(head[found.end() : found.end() + 4], "big")
    at = found.end() + (8 if flags & 1 else 4)
    return int.from_bytes(head[at : at + 4], "big") if flags & 2 else 0
