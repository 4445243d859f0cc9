"""Siblings of cases of audio: cut, empty, in its place something else, with labels that are wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.doubles.audio_files import (
    ID3V1,
    WHOLE,
    adts_frame,
    ape,
    au,
    caf,
    flac,
    fragmented_mp4,
    id3,
    matroska,
    mp4,
    noise,
    ogg,
    riff,
    wave64,
    wma,
)
from tests.field.sibling import WAV, Kind, Sibling, answer, before, sibling
from tests.harness.audio import mp3

# What a body is


def _cut(body: bytes) -> bytes:
    return body[: len(body) * 3 // 5 + 1]


def cut_bodies() -> Iterator[Sibling]:
    """Half a file and a clean end, then the whole."""
    page = b"<html><body>502 Bad Gateway</body></html>"
    longer = {
        "wav": WAV,
        "flac": flac(40),
        "opus": ogg(),
        "m4a": mp4(),
        "au": au(b"\x55" * 3000),
        "caf": caf(b"\x55" * 3000),
        "wave64": wave64(b"\1\2" * 1600),
        "wma": wma(b"\x82" * 3000),
        "matroska": matroska(clusters=9),
        "fragmented mp4": fragmented_mp4(8),
        "mp3": mp3(60),
        "aac": adts_frame() * 60,
        "mp3 with counts": WHOLE["mp3 with counts"],
        "amr": WHOLE["amr"],
    }
    for name, body in longer.items():
        yield sibling(f"{name}, half and the words of a proxy", answer(_cut(body) + page, "chunked"), answer(body))
        yield sibling(
            f"{name}, half on a closed connection", answer(_cut(body), "close"), answer(body, "close"), fetches=2
        )
        if name not in ("mp3", "aac", "amr"):  # they end where they like; this cut is in the middle of a frame
            yield sibling(f"{name}, half as a whole", answer(_cut(body)), answer(body), fetches=2)
    for name in sorted(WHOLE):
        yield sibling(f"{name} on a closed connection", answer(WHOLE[name], "close"))


def without_sound() -> Iterator[Sibling]:
    for name in ("wav", "flac", "opus", "m4a", "au", "caf", "wave64", "aiff", "rf64", "matroska", "wma", "amr", "aac"):
        yield sibling(f"the first bytes of {name}", answer(WHOLE[name][:7]), state="failed")
    empty = {
        "wav": riff(sound=b""),
        "wav that promises": riff(sound=b"", data=4000, size=4036),
        "m4a": mp4(sound=b""),
        "m4a up to its sound": mp4(moov_first=True)[:-400],
        "opus": ogg(pages=0, last=False),
        "flac": flac(0),
        "caf": caf(b""),
        "wma": wma(b""),
        "matroska": matroska(clusters=0),
        "tags": id3(300) + ape() + ID3V1,
        "amr that says nothing": b"#!AMR\n" + b"\x7c" * 50,
        "nothing": b"",
    }
    for name, body in empty.items():
        yield sibling(f"{name} without sound", answer(body), state="failed")


def error_documents() -> Iterator[Sibling]:
    pages = {
        "html": b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        "json": b'{"error": "not found", "code": 404}',
        "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "text": b"upstream connect error or disconnect/reset before headers",
    }
    changes: Mapping[str, Callable[[bytes], bytes]] = {
        "in gzip": gzip.compress,
        "in zlib": zlib.compress,
        "with a mark": lambda page: b"\xef\xbb\xbf" + page,
        "in UTF-16": lambda page: page.decode().encode("utf-16"),
        "in UTF-32": lambda page: page.decode().encode("utf-32-be"),
        "behind blanks": lambda page: b" \r\n\t" * 500 + page,
        "between zeros": lambda page: b"\0" + page + bytes(30),
        "a hundred times": lambda page: page * 100,
        "of an older encoding": lambda page: page.replace(b"o", b"\xf6"),
    }
    for name, page in pages.items():
        for change, made in changes.items():
            sent = answer(made(page), "length", ("Content-Type", "audio/wav"))
            yield sibling(f"{name} {change}", sent, state="failed")
        packed = answer(gzip.compress(page), "close", ("Content-Encoding", "gzip"), ("Content-Type", "audio/mpeg"))
        yield sibling(f"{name} labelled gzip, then the audio", packed, answer())


def unknown_bytes() -> Iterator[Sibling]:
    bodies = {
        "noise": noise(5000),
        "silence": bytes(5000),
        "a short name and silence": b"CODEC1.0" + bytes(3000),
        "gzip of a recording": gzip.compress(WAV, mtime=0),
        "an archive": b"PK\x03\x04" + noise(3000),
        "an encrypted message": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA" + b"A" * 500,
        "a picture": b"\x89PNG\r\n\x1a\n" + noise(2000),
    }
    for name, body in bodies.items():
        yield sibling(name, answer(body), state="quarantined", fetches=2)
    yield sibling("other noise each time", *(answer(noise(3000, seed)) for seed in range(1, 60, 3)), state="failed")


# What is said of a body


def labels() -> Iterator[Sibling]:
    for coding in (
        "binary",
        "none",
        "utf-8",
        "8bit",
        "aws-chunked",
        "identity",
        "br",
        "zstd",
        "gzip",
        "deflate",
        "",
        "x, y",
    ):
        yield sibling(f"coding {coding}", answer(WAV, "length", ("Content-Encoding", coding)))
    for coding, body in (("gzip", gzip.compress(WAV)), ("deflate", zlib.compress(WAV)), ("x-gzip", gzip.compress(WAV))):
        for framing in ("length", "chunked", "close"):
            sent = answer(body, framing, ("Content-Encoding", coding))
            yield sibling(f"{coding}, {framing}", sent, wanted=WAV)
    for type_ in ("text/html", "text/plain; charset=utf-8", "application/json", "image/png", "", "a, b", "audio/mpeg"):
        yield sibling(f"type {type_}", answer(WAV, "length", ("Content-Type", type_)))
    for name, value in (("Content-MD5", "AAAA"), ("Digest", "sha-256=AAAA"), ("ETag", '"0"'), ("X-Duration", "-1")):
        yield sibling(f"{name} that is wrong", answer(WAV, "length", (name, value)))
    for size in (40, 0, -1, 10**30, "4044 bytes", None, 4044.5, "4044", True):
        row = {"file": {"size": size, "contentType": "audio/wav"}}
        yield sibling(f"listed size {size}", row=row, fetches=2 if size == 40 else 1)


def framings() -> Iterator[Sibling]:
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(WAV), WAV)
    for spelled in ("CHUNKED", "chunked, chunked", "identity, chunked", " chunked "):
        yield sibling(f"coded {spelled}", answer(chunk, "close", ("Transfer-Encoding", spelled)), wanted=WAV)
    noted = b"%x;ext=1\r\n%s\r\n0\r\nX-T: 1\r\n\r\n" % (len(WAV), WAV)
    both = answer(noted, "close", ("Transfer-Encoding", "chunked"), ("Content-Length", "5"))
    yield sibling("chunks and a length", both, wanted=WAV)
    yield sibling("coded identity", answer(WAV, "length", ("Transfer-Encoding", "identity")))
    for lines in (
        ["100 Continue"],
        ["102 Processing"] * 3,
        ["103 Early Hints\r\nLink: </a>"],
        ["100 Continue", "103 Early Hints"],
    ):
        yield sibling(f"behind {lines}", before(*lines))


def parts() -> Iterator[Sibling]:
    end = len(WAV) - 1
    for said in (f"bytes 0-{end}/{end + 1}", f"Bytes 0-{end}/{end + 1}", f"bytes=0-{end}/{end + 1}"):
        yield sibling(f"206 {said}", answer(WAV, "length", ("Content-Range", said), status=206))
    for untold in ({}, {"Content-Range": f"bytes 0-{end}/*"}, {"Content-Range": "all"}):
        yield sibling(f"206 {untold}", answer(WAV, "length", *untold.items(), status=206), fetches=2)
    half = answer(WAV[:2000], "length", ("Content-Range", f"bytes 0-1999/{end + 1}"), status=206)
    yield sibling("206 of a part", half, state="failed")
    yield sibling("206 of a part, then the whole", half, answer(), fetches=2)
    yield sibling("200 with a range", answer(WAV, "length", ("Content-Range", f"bytes 0-{end}/{end + 1}")))
    yield sibling("203", answer(WAV, status=203))


KINDS: Sequence[Kind] = (cut_bodies, without_sound, error_documents, unknown_bytes, labels, framings, parts)
