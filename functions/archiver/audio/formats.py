"""Which format a body starts like, and so which parser looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module

from functions.archiver.audio.documents import error_document, named_data
from functions.archiver.audio.magic import AMR_STARTS, ASF_HEADER, MATROSKA, WAVE64_RIFF, is_mp4
from functions.archiver.audio.walking import Parser

_RIFF = re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", re.DOTALL)
_AIFF = re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL)
_CAF = re.compile(rb"caff\0[\1\2]")
_AU = re.compile(rb"\.snd\0")
_FORMS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM")
_STARTS = (
    *_FORMS,
    b"OggS\0",
    b"fLaC",
    b".snd\0",
    b"caff\0",
    b"ID3",
    *AMR_STARTS,
    ASF_HEADER,
    MATROSKA,
    WAVE64_RIFF,
)
_SHORTEST_START, _LONGEST_START = 3, 12

_Test = Callable[[bytes], object]


def _parser(module: str, name: str, *, of_head: bool = False) -> Callable[[bytes], Parser]:
    """Makes one by its class. Most sources send one format: the modules of the others are never loaded."""

    def make(head: bytes) -> Parser:
        made: Callable[..., Parser] = getattr(import_module(f"functions.archiver.audio.{module}"), name)
        return made(head) if of_head else made()

    return make


_BY_MAGIC: Sequence[tuple[_Test, Callable[[bytes], Parser]]] = (
    (_RIFF.match, _parser("wave", "Wav")),
    (lambda head: head.startswith(WAVE64_RIFF), _parser("wave", "Wave64")),
    (lambda head: head.startswith(b"OggS\0"), _parser("ogg", "Ogg")),
    (lambda head: head.startswith(b"fLaC"), _parser("flac", "Flac")),
    (is_mp4, _parser("mp4", "Mp4")),
    (lambda head: head.startswith(AMR_STARTS), _parser("amr", "Amr", of_head=True)),
    (_AU.match, _parser("aiff", "Au")),
    (_AIFF.match, _parser("aiff", "Aiff")),
    (_CAF.match, _parser("aiff", "Caf")),
    (lambda head: head.startswith(ASF_HEADER), _parser("asf", "Asf")),
    (lambda head: head.startswith(MATROSKA), _parser("matroska", "Matroska")),
)


def parser_of(head: bytes, *, whole: bool) -> Parser | None:
    """The parser for a body that starts with `head`; None when it is no audio that is known.

    `whole` says that nothing follows `head`, so that a single frame may count. 16 KiB are enough for every format.
    """
    return next((make(head) for fits, make in _BY_MAGIC if fits(head)), None) or _by_frames(head, whole=whole)


def is_a_start_alone(body: bytes) -> bool:
    """Whether a whole body is no more than the first bytes of a known format."""
    if not _SHORTEST_START <= len(body) < _LONGEST_START:
        return False
    is_a_box = bool(body[4:]) and b"ftyp".startswith(body[4:])
    return is_a_box or body.startswith(_FORMS) or any(start.startswith(body) for start in _STARTS)


def _by_frames(head: bytes, *, whole: bool) -> Parser | None:
    from functions.archiver.audio import adts, mpeg

    if adts.is_adts(head, whole=whole):
        return adts.Adts(head)
    no_other = named_data(head) is None and error_document(head) is None
    first = mpeg.first_frame(head, whole=whole, junk=no_other)
    return None if first is None else mpeg.Mpeg(head, first)
