"""Ogg (RFC 3533): pages of one stream or several, with Opus, Vorbis, Speex or FLAC in them."""

from __future__ import annotations

from dataclasses import dataclass

from functions.archiver.audio.kinds import OGG, OGG_VIDEO, OPUS, Audio, Findings, Piece
from functions.archiver.audio.walking import Next, Read, Skip, Steps, Walk

_BEGINS, _ENDS = 2, 4
_MAX_STREAMS = 64
_SEEN = 80  # of a stream's first packet: enough to name its codec
_VIDEO = (b"\x80theora", b"BBCD\0", b"\x01video")
_SILENT = (*_VIDEO, b"fishead\0", b"\x80kate", b"CMML\0")


@dataclass(slots=True)
class _Stream:
    """One logical stream. The first packets are its headers."""

    codec: str | None = None
    video: bool = False
    silent: bool = False
    headers: int = 1
    packets: int = 0
    bytes_behind_headers: int = 0
    ended: bool = False
    granule: int = 0
    pre_skip: int = 0
    channels: int | None = None
    sample_rate: int | None = None


class Ogg:
    """An Ogg file. It is complete when each of its streams came to the page that is marked as its last."""

    def __init__(self) -> None:
        self._streams: dict[bytes, _Stream] = {}
        self._foreign = False
        self._walk = Walk()
        self._walk.begin(self._steps())

    @property
    def audio(self) -> Audio:
        """Opus where the first stream is; video as soon as any is."""
        streams = list(self._streams.values())
        if any(stream.video for stream in streams):
            return OGG_VIDEO
        return OPUS if streams and streams[0].codec == "opus" else OGG

    def feed(self, data: Piece) -> None:
        """Take the next bytes."""
        self._walk.feed(data)

    def finish(self, size: int) -> Findings:
        """Judge what was fed."""
        streams = [stream for stream in self._streams.values() if not stream.silent]
        main = next((each for each in streams if each.codec), streams[0] if streams else _Stream())
        complete, cut = self._ending()
        return Findings(
            has_sound=any(each.bytes_behind_headers for each in streams),
            complete=complete,
            cut=cut,
            codec=main.codec,
            channels=main.channels,
            sample_rate=main.sample_rate,
            duration_seconds=_duration(main),
        )

    def _ending(self) -> tuple[bool | None, str | None]:
        if self._foreign:
            return False, "something else follows its last page"
        if not self._walk.at_boundary:
            return False, "its last page is cut"
        if not all(stream.ended for stream in self._streams.values()):
            return False, "its last page is missing"
        return True, None

    def _steps(self) -> Steps:
        while True:
            head = yield Next(27)
            if not head.startswith(b"OggS\0"):
                self._foreign = bool(head.strip(b"\0"))
                return
            table = yield Read(head[26]) if head[26] else Skip(0)
            size = sum(table)
            seen = b""
            if head[5] & _BEGINS and len(self._streams) < _MAX_STREAMS:
                seen = (yield Read(min(size, _SEEN))) if size else b""
                self._streams[head[14:18]] = _stream_of(seen)
            self._count(head, table, size)
            yield Skip(size - len(seen))

    def _count(self, head: bytes, table: bytes, size: int) -> None:
        stream = self._streams.get(head[14:18])
        if stream is None:
            return
        if stream.packets >= stream.headers:
            stream.bytes_behind_headers += size
        stream.packets += len(table.translate(None, b"\xff"))
        stream.ended |= bool(head[5] & _ENDS)
        granule = int.from_bytes(head[6:14], "little", signed=True)
        if granule >= 0:
            stream.granule = granule


def _stream_of(first: bytes) -> _Stream:
    """A stream as its first packet describes it."""
    if first.startswith(b"OpusHead") and len(first) >= 12:
        pre_skip = int.from_bytes(first[10:12], "little")
        return _Stream(codec="opus", headers=2, pre_skip=pre_skip, channels=first[9], sample_rate=48_000)
    if first.startswith(b"\x01vorbis") and len(first) >= 16:
        rate = int.from_bytes(first[12:16], "little")
        return _Stream(codec="vorbis", headers=3, channels=first[11], sample_rate=rate)
    if first.startswith(b"Speex   ") and len(first) >= 72:
        rate, _, _, channels = (int.from_bytes(first[at : at + 4], "little") for at in (36, 40, 44, 48))
        extra = int.from_bytes(first[68:72], "little")
        return _Stream(codec="speex", headers=2 + min(extra, 16), channels=channels, sample_rate=rate)
    if first.startswith(b"\x7fFLAC") and len(first) >= 30:
        packed = int.from_bytes(first[27:31], "big")
        headers = 1 + (int.from_bytes(first[7:9], "big") or 1)
        return _Stream(codec="flac", headers=headers, channels=(packed >> 9 & 7) + 1, sample_rate=packed >> 12)
    return _Stream(video=first.startswith(_VIDEO), silent=first.startswith(_SILENT))


def _duration(stream: _Stream) -> float | None:
    if not stream.sample_rate or stream.granule <= stream.pre_skip:
        return None
    seconds = (stream.granule - stream.pre_skip) / stream.sample_rate
    return round(seconds, 3) if seconds < 10**7 else None
