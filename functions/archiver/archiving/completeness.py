"""Whether the bytes that came are audio, and all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from functions.archiver.audio.inspector import WAV, Audio, Inspector, Verdict
from functions.archiver.bucket.upload import Upload
from functions.archiver.errors import Rejected
from functions.archiver.provider.provider import Opened
from functions.archiver.recording import Recording

KNOWN_BY_BYTES = 64 * 1024
"""After so many bytes every kind of audio has shown itself."""


def pour(chunks: Iterable[bytes], upload: Upload, expected_bytes: int | None) -> Verdict:
    """Every byte past the inspector into the upload. What is not audio is refused before a part of it is sent."""
    inspector = Inspector()
    for chunk in chunks:
        inspector.feed(chunk)
        if inspector.audio is None and upload.size_bytes > KNOWN_BY_BYTES:
            break  # the verdict says what it is instead
        upload.feed(chunk, inspector.audio, expected_bytes)
    return inspector.finish()


def audio_of(verdict: Verdict) -> Audio:
    """What kind of audio the bytes are. Raises Rejected when they are none, or hold no sound."""
    if verdict.problem or verdict.audio is None:
        raise Rejected(verdict.problem or "an unknown kind of data")
    return verdict.audio


def length_is_proven(opened: Opened, recording: Recording, audio: Audio, verdict: Verdict) -> bool:
    """Whether the bytes are known to be all. The body itself has checked its Content-Length and its chunks' end."""
    listed = recording.size_bytes if _same_type(recording.content_type, audio.content_type) else None
    if listed is not None and listed != verdict.size_bytes:
        raise Rejected(f"the provider lists {listed} bytes and sent {verdict.size_bytes}")
    if listed is not None:
        return True
    if opened.body.length is not None or opened.body.framed:
        # A server may count wrongly. Where a WAV's own header tells of more bytes, a second fetch has to agree.
        return not (audio == WAV and verdict.complete is False)
    if verdict.complete is False:
        raise Rejected("its own header tells of more bytes than came")
    return verdict.complete is True


def _same_type(claimed: str | None, found: str) -> bool:
    return claimed is not None and _TYPE_NAMES.get(claimed.lower(), claimed.lower()) == found


_TYPE_NAMES: Mapping[str, str] = {
    "audio/mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
}
