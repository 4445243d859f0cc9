"""Everything that the bucket holds of one recording: audio, bytes in quarantine, sidecar and transcript."""

from __future__ import annotations

from collections.abc import Iterator

from functions.archiver.bucket.bucket import Bucket, Version
from functions.archiver.object_keys import ENCRYPTED, Place


def versions_of(bucket: Bucket, place: Place) -> Iterator[Version]:
    """Every version and every delete marker of the recording's objects. Four listings."""
    documents = {place.metadata, place.transcript, place.quarantine}
    for prefix in (f"{place.audio_stem}.", *sorted(documents)):
        for version in bucket.versions(prefix):
            if version.key in documents or is_audio_of(place, version.key):
                yield version


def is_audio_of(place: Place, key: str) -> bool:
    """Whether the key is the recording's own; other ids may begin like this one and go on after a dot."""
    stem = f"{place.audio_stem}."
    return key.startswith(stem) and key[len(stem) :].removesuffix(ENCRYPTED).isalnum()
