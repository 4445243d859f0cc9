"""Audio files of every kind, made for tests: small, whole, and built by the formats' own rules."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Sequence
from pathlib import Path

# MP3: a frame of silence, whose data are all zero, decodes to nothing.

HEADER = b"\xff\xe3\x28\xc4"
"""MPEG-2.5 layer III, 16 kbit/s, 8 kHz, mono: 144 bytes."""

ID3V1 = b"TAG" + bytes(125)
CASES = Path(__file__).parent.parent / "field" / "cases"


def case_file(name: str) -> bytes:
    """A file of a case from practice, such as "wave64/call.w64": written by other programs than these."""
    return (CASES / name).read_bytes()


def frame(header: bytes = HEADER, length: int = 144) -> bytes:
    return header + bytes(length - len(header))


def xing(*, frames: int, size: int) -> bytes:
    tag = bytes(9) + b"Xing" + struct.pack(">III", 3, frames, size)
    return (HEADER + tag).ljust(144, b"\0")


def vbri(*, frames: int, size: int) -> bytes:
    tag = bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 75, size, frames)
    return (HEADER + tag).ljust(144, b"\0")


def id3(size: int) -> bytes:
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + length + b"\xff\xfb\x90\xc4" * (size // 4) + bytes(size % 4)


def ape() -> bytes:
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, 32 + 50, 1, 1 << 31) + bytes(8)
    return b"APETAGEX" + footer[8:] + bytes(50) + footer


def lyrics() -> bytes:
    text = b"LYRICSBEGIN" + b"IND0000200"
    return text + f"{len(text):06}".encode() + b"LYRICS200"


def counted_mp3(frames: int = 99) -> bytes:
    return xing(frames=frames, size=144 * (frames + 1)) + frame() * frames


def free_format_mp3(frames: int = 40, length: int = 100) -> bytes:
    plain, padded = b"\xff\xf3\x04\xc4", b"\xff\xf3\x06\xc4"
    return b"".join(frame(padded, length + 1) if n % 3 == 0 else frame(plain, length) for n in range(frames))


# AAC and AMR


def adts_frame(length: int = 60, *, mpeg2: bool = False) -> bytes:
    head = bytes(
        (0xFF, 0xF9 if mpeg2 else 0xF1, 0x6C, 0x40 | length >> 11, length >> 3 & 0xFF, (length & 7) << 5, 0xFC)
    )
    return head + b"\x21" * (length - 7)


def amr(frames: int = 50) -> bytes:
    return b"#!AMR\n" + b"".join(b"\x3c" + b"\x11" * 31 if n % 4 else b"\x44" + b"\x22" * 5 for n in range(frames))


def amr_wb(frames: int = 50) -> bytes:
    return b"#!AMR-WB\n" + (b"\x24" + b"\x11" * 40) * frames


# Files of chunks


def riff(
    tag: int = 1,
    sound: bytes = b"\1\2" * 160,
    *,
    form: bytes = b"RIFF",
    data: int | None = None,
    size: int | None = None,
    extra: bytes = b"",
    after: bytes = b"",
    padded: bool = True,
) -> bytes:
    order = ">" if form == b"RIFX" else "<"
    fmt = b"fmt " + struct.pack(order + "IHHIIHH", 16, tag, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + fmt + extra + b"data" + struct.pack(order + "I", len(sound) if data is None else data) + sound
    body += bytes(len(sound) % 2 if padded else 0) + after
    return form + struct.pack(order + "I", len(body) if size is None else size) + body


def written_wav(frames: int = 160) -> bytes:
    """As the standard library writes it."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\2" * frames)
    return out.getvalue()


def rf64(sound: bytes = b"\1\2" * 160) -> bytes:
    size = 4 + 36 + 24 + 8 + len(sound)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, size, len(sound), len(sound), 0)
    return riff(sound=sound, form=b"RF64", data=0xFFFFFFFF, size=0xFFFFFFFF, extra=ds64)


_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


def wave64(sound: bytes = b"\1\2" * 160) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + _W64_TAIL + struct.pack("<Q", 24 + len(body)) + body + bytes(-len(body) % 8)

    body = (
        b"wave" + _W64_TAIL + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)) + chunk(b"data", sound)
    )
    return b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", 24 + len(body)) + body


def aiff(sound: bytes = b"\1\2" * 160, *, kind: bytes = b"AIFF") -> bytes:
    rate = bytes.fromhex("400bfa00000000000000")  # 8000 Hz as an 80-bit float
    comm = struct.pack(">HIH", 1, len(sound) // 2, 16) + rate + (b"ulaw\0\0" if kind == b"AIFC" else b"")
    body = kind + b"COMM" + struct.pack(">I", len(comm)) + comm
    body += b"SSND" + struct.pack(">III", 8 + len(sound), 0, 0) + sound + bytes(len(sound) % 2)
    return b"FORM" + struct.pack(">I", len(body)) + body


def caf(sound: bytes = b"\x55" * 320, *, size: int | None = None) -> bytes:
    desc = struct.pack(">d4sIIIII", 8000.0, b"ulaw", 0, 1, 1, 1, 8)
    told = len(sound) + 4 if size is None else size
    head = b"caff\0\1\0\0desc" + struct.pack(">q", len(desc)) + desc
    return head + b"data" + struct.pack(">qI", told, 0) + sound


def au(sound: bytes = b"\x55" * 320, *, size: int | None = None) -> bytes:
    return struct.pack(">4sIIIII", b".snd", 32, len(sound) if size is None else size, 1, 8000, 1) + bytes(8) + sound


# Ogg


def page(flags: int = 0, payload: bytes = b"\1" * 100, *, serial: int = 7, granule: int = 960) -> bytes:
    head = b"OggS\0" + bytes((flags,)) + struct.pack("<qIII", granule, serial, 0, 0)
    full, rest = divmod(len(payload), 255)
    return head + bytes((full + 1,)) + b"\xff" * full + bytes((rest,)) + payload


OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, 312, 48000, 0, 0)
VORBIS_HEAD = b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, 1, 16000, 0, 32000, 0, 0xB8, 1)
SPEEX_HEAD = b"Speex   ".ljust(28, b"\0") + struct.pack("<10I", 1, 80, 8000, 0, 4, 1, 8000, 160, 0, 1) + bytes(12)


def ogg(head: bytes = OPUS_HEAD, *, headers: int = 2, pages: int = 20, last: bool = True) -> bytes:
    start = page(2, head, granule=0) + b"".join(page(0, b"header", granule=0) for _ in range(headers - 1))
    sound = [page(0, granule=960 * (n + 1)) for n in range(pages)]
    return start + b"".join(sound) + (page(4, granule=960 * (pages + 1)) if last else b"")


# MP4


def box(name: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), name) + body


def _track(handler: bytes, chunk_at: int) -> bytes:
    mdhd = box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 8000, 16000, 0, 0))
    hdlr = box(b"hdlr", bytes(8) + handler + bytes(12) + b"\0")
    entry = bytes(6) + struct.pack(">HHHIHHHHHH", 1, 0, 0, 0, 1, 16, 0, 0, 8000, 0)
    stsd = box(b"stsd", struct.pack(">II", 0, 1), box(b"samr" if handler == b"soun" else b"avc1", entry))
    stco = box(b"stco", struct.pack(">III", 0, 1, chunk_at))
    return box(b"trak", box(b"mdia", mdhd, hdlr, box(b"minf", box(b"stbl", stsd, stco))))


def mp4(
    brand: bytes = b"M4A ",
    sound: bytes = b"\x3c" * 400,
    *,
    handlers: Sequence[bytes] = (b"soun",),
    moov_first: bool = False,
) -> bytes:
    ftyp = box(b"ftyp", brand, bytes(4), brand)
    tracks = [_track(handler, len(ftyp) + 8) for handler in handlers]
    moov, mdat = box(b"moov", box(b"mvhd", bytes(100)), *tracks), box(b"mdat", sound)
    return ftyp + (moov + mdat if moov_first else mdat + moov)


def fragmented_mp4(fragments: int = 3, *, index: bool = False) -> bytes:
    ftyp = box(b"ftyp", b"iso5", bytes(4), b"iso5")
    moov = box(b"moov", box(b"mvhd", bytes(100)), _track(b"soun", 8), box(b"mvex", box(b"trex", bytes(24))))
    fragment = box(b"moof", box(b"mfhd", bytes(8))) + box(b"mdat", b"\x3c" * 200)
    return ftyp + moov + fragment * fragments + (box(b"mfra", box(b"mfro", bytes(8))) if index else b"")


# FLAC


def flac(blocks: int = 5, *, samples: int | None = None) -> bytes:
    """Silence: frames of 192 samples, mono, 8 kHz, 16 bits, in subframes that are a constant."""
    total = 192 * blocks if samples is None else samples
    info = struct.pack(">HH", 192, 192) + bytes(6) + struct.pack(">Q", 8000 << 44 | 15 << 36 | total) + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + b"".join(map(flac_frame, range(blocks)))


def flac_frame(number: int) -> bytes:
    head = b"\xff\xf8\x14\x08" + bytes((number,))
    body = head + bytes((_crc(head, 0x07, 8),)) + b"\0" + struct.pack(">h", number)
    return body + _crc(body, 0x8005, 16).to_bytes(2, "big")


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    crc = 0
    for byte in data:
        for bit in range(7, -1, -1):
            top = crc >> bits - 1 & 1 ^ byte >> bit & 1
            crc = (crc << 1 & (1 << bits) - 1) ^ (polynomial if top else 0)
    return crc


# ASF and Matroska


def wma(sound: bytes = b"\x82" * 300, *, told: int | None = None, live: bool = False) -> bytes:
    def thing(guid: str, body: bytes) -> bytes:
        return bytes.fromhex(guid) + struct.pack("<Q", 24 + len(body)) + body

    def header(size: int) -> bytes:
        file = bytes(16) + struct.pack("<QQQQQQIIII", size, 0, 1, 30_000_000, 0, 1000, int(live), 0, 0, 0)
        kind = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
        stream = kind + bytes(38) + struct.pack("<HHIIHH", 0x161, 1, 8000, 1000, 1, 16)
        objects = thing("a1dcab8c47a9cf118ee400c00c205365", file) + thing("9107dcb7b7a9cf118ee600c00c205365", stream)
        return thing("3026b2758e66cf11a6d900aa0062ce6c", struct.pack("<IH", 2, 0x201) + objects)

    data = thing("3626b2758e66cf11a6d900aa0062ce6c", bytes(26) + sound)
    size = len(header(0)) + len(data)
    return header(size if told is None else told) + data


def element(name: str, body: bytes, *, open_end: bool = False) -> bytes:
    length = b"\x01" + b"\xff" * 7 if open_end else (1 << 56 | len(body)).to_bytes(8, "big")
    return bytes.fromhex(name) + length + body


def matroska(kind: bytes = b"matroska", *, clusters: int = 3, track: int = 2, live: bool = False) -> bytes:
    head = element("1a45dfa3", element("4282", kind))
    info = element(
        "1549a966", element("2ad7b1", (1_000_000).to_bytes(3, "big")) + element("4489", struct.pack(">d", 60.0))
    )
    sound = element("b5", struct.pack(">d", 8000.0)) + element("9f", b"\1")
    entry = element("d7", b"\1") + element("83", bytes((track,))) + element("86", b"A_OPUS") + element("e1", sound)
    block = element("a3", b"\x81\0\0\x80" + b"\x11" * 50)
    cluster = element("1f43b675", element("e7", b"\0") + block * 3, open_end=live)
    body = info + element("1654ae6b", element("ae", entry)) + cluster * clusters
    return head + element("18538067", body, open_end=live)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes without a pattern, the same each time."""
    found = b""
    while len(found) < size:
        seed += 1
        found += zlib.compress(str(seed).encode() * 3)[2:] + struct.pack(">Q", seed * 0x9E3779B97F4A7C15 % 2**64)
    return found[:size]


WHOLE = {
    "mp3 without counts": frame() * 60,
    "mp3 with counts": counted_mp3(),
    "mp3 with VBRI": vbri(frames=99, size=144 * 100) + frame() * 99,
    "mp3 in free format": free_format_mp3(),
    "mp3 between tags": id3(300) + frame() * 40 + ape() + ID3V1,
    "aac": adts_frame() * 40,
    "aac behind id3": id3(40) + adts_frame(61, mpeg2=True) * 40,
    "amr": amr(),
    "amr-wb": amr_wb(),
    "wav": riff(),
    "wav by the standard library": written_wav(),
    "wav of odd length": riff(sound=b"\1\2\3" * 107),
    "wav of gsm": riff(0x31, b"\x55" * 65 * 10),
    "wav with a chunk behind": riff(after=b"LIST" + struct.pack("<I", 30) + b"INFO" + bytes(26)),
    "wav with an unpadded chunk": riff(
        extra=b"LIST" + struct.pack("<I", 19) + b"INFOISFT" + struct.pack("<I", 7) + b"a maker"
    ),
    "rifx": riff(form=b"RIFX"),
    "rf64": rf64(),
    "wave64": wave64(),
    "aiff": aiff(),
    "aifc": aiff(kind=b"AIFC"),
    "caf": caf(),
    "au": au(),
    "opus": ogg(),
    "vorbis": ogg(VORBIS_HEAD, headers=3),
    "speex": ogg(SPEEX_HEAD),
    "m4a": mp4(),
    "m4a for the web": mp4(b"isom", moov_first=True),
    "3gp": mp4(b"3gp4"),
    "fragmented mp4": fragmented_mp4(),
    "fragmented mp4 with an index": fragmented_mp4(index=True),
    "flac": flac(),
    "flac behind id3": id3(50) + flac(),
    "wma": wma(),
    "matroska": matroska(),
    "webm": matroska(b"webm"),
    "live webm": matroska(b"webm", live=True),
    **{
        f"from practice: {name}": case_file(name)
        for name in (
            "aac-adts/call.aac",
            "caf-ulaw/call.caf",
            "flac-behind-id3/call.flac",
            "m4a-brand-mp42/call.m4a",
            "matroska-audio/call.mka",
            "mp3-free-format/call.mp3",
            "opus-cut-chunked/call.opus",
            "threegpp2/call.3g2",
            "wave64/call.w64",
            "wma-asf/call.wma",
        )
    },
}
"""A whole file of each kind, by name."""
