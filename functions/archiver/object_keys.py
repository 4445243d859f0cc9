"""Where things are in the archive, and how a provider's id becomes a safe name.

audio/source=<source>/date=<YYYY-MM-DD>/<name>.<extension>      the original bytes; encrypted ones end in .enc
quarantine/source=<source>/date=<YYYY-MM-DD>/<name>.bin         stable bytes of no known kind
metadata/source=<source>/date=<YYYY-MM-DD>/<name>.json          everything known of the recording
transcripts/source=<source>/date=<YYYY-MM-DD>/<name>.json       the provider's transcript
reports/source=<source>/date=<YYYY-MM-DD>/reconciliation.json   provider against archive
"""

from __future__ import annotations

import hashlib
from datetime import date
from urllib.parse import quote

from functions.archiver.lazy_dataclass import dataclass

ENCRYPTED = ".enc"
"""Ends the extension of audio that only its owner can decrypt."""

AT_SOURCE = "erasures/at-source/"
"""Under which the records of deletions at the source lie, beside those of erasures."""

MAX_NAME_BYTES = 200
_KEPT_OF_LONG_NAMES = 150


def safe_name(recording_id: str) -> str:
    """`recording_id` percent-encoded so that it stays in its folder and meets no other id's name.

    Names longer than 200 bytes keep their head; a hash of the whole id takes the place of the tail. `~` separates
    the two and is encoded wherever it stands in an id, so no short id can look like a shortened one.
    """
    name = quote(recording_id, safe="").replace("~", "%7E")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(recording_id.encode()).hexdigest()[:40]
    return f"{name[:_KEPT_OF_LONG_NAMES]}~{digest}"


def digest_of(source: str, recording_id: str) -> str:
    """Names a recording where its id must not stand, such as in what outlives its erasure."""
    return hashlib.sha256(f"{source}\n{recording_id}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The place of one recording in the archive. `day` is the UTC date on which it was recorded."""

    source: str
    day: date
    recording_id: str

    @property
    def audio_stem(self) -> str:
        """The audio's key up to the dot; the extension comes from the bytes."""
        return f"audio/{self._folder_and_name}"

    def audio(self, extension: str) -> str:
        """The key of the original bytes."""
        return f"{self.audio_stem}.{extension}"

    @property
    def quarantine(self) -> str:
        """The key of bytes that the provider keeps serving and that are of no known kind."""
        return f"quarantine/{self._folder_and_name}.bin"

    def owns(self, key: str) -> bool:
        """Whether the bytes of this recording, and of no other, may be at that key."""
        stem, dot, _ = key.partition(f"{self.audio_stem}.")
        return (not stem and bool(dot) and "/" not in key.removeprefix(self.audio_stem)) or key == self.quarantine

    @property
    def metadata(self) -> str:
        """The key of the sidecar."""
        return f"metadata/{self._folder_and_name}.json"

    @property
    def transcript(self) -> str:
        """The key of the provider's transcript."""
        return f"transcripts/{self._folder_and_name}.json"

    @property
    def _folder_and_name(self) -> str:
        return f"source={self.source}/date={self.day.isoformat()}/{safe_name(self.recording_id)}"


def date_in(key: str) -> str:
    """The date in a key, as text; other text where the key is none of ours."""
    return key.partition("/date=")[2][:10]


def day_of(key: str) -> date:
    """The date in a key. Raises ValueError for a key without one."""
    return date.fromisoformat(date_in(key))


def reports_of(source: str, day: date) -> str:
    """The folder of the reports that the reconciler writes on `day`."""
    return f"reports/source={source}/date={day.isoformat()}/"


def reconciliation_report(source: str, day: date) -> str:
    """The key of the daily report that the reconciler writes on `day`."""
    return f"{reports_of(source, day)}reconciliation.json"


def requested_report(source: str, day: date, first: date, last: date) -> str:
    """The key of the report on a span of days that a person asked for, written on `day`."""
    return f"{reports_of(source, day)}reconciliation-{first.isoformat()}-{last.isoformat()}.json"
