"""Audio that the provider declares encrypted: no format can be recognised in it, and only the customer has the key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from functions.archiver.audio.documents import error_document
from functions.archiver.audio.kinds import Audio
from functions.archiver.bucket.upload import Upload
from functions.archiver.entry import Stored
from functions.archiver.errors import EndedEarly, Rejected
from functions.archiver.object_keys import ENCRYPTED
from functions.archiver.provider.provider import Opened

CODEC = "encrypted"
_HEAD_BYTES = 512


def pour_encrypted(opened: Opened, upload: Upload) -> tuple[Audio, EndedEarly | None]:
    """Every byte that comes into the upload; how it is to be stored, and how it ended if it ended early.

    Raises Rejected for an error document in its place, EndedEarly where nothing came.
    """
    audio = Audio(extension=f"{opened.encrypted}{ENCRYPTED}", content_type="application/octet-stream")
    early = None
    try:
        for number, chunk in enumerate(_from_a_head_on(opened.body.chunks())):
            if number == 0 and error_document(chunk[:_HEAD_BYTES]):
                raise Rejected("a text in place of encrypted audio")
            upload.feed(chunk, audio, opened.body.length)
    except EndedEarly as ended:
        early = ended
    if upload.size_bytes == 0:
        raise early or Rejected("an empty body in place of encrypted audio")
    return audio, early


def is_all(opened: Opened) -> bool:
    """Whether the framing proves the bytes to be all of it; nothing in them can."""
    return opened.body.length is not None or opened.body.framed


def marked(stored: Stored) -> Stored:
    """The mark of encryption, as ledger and sidecar hold it."""
    return replace(stored, codec=CODEC)


def _from_a_head_on(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, the first ones joined until they are enough to be judged."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    yield head
    yield from chunks
