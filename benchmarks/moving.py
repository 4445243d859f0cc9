"""Our own way of a recording's bytes, and nothing beside it: download, inspect, hash, store. No ledger, no sidecar."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import urlsplit

from functions.archiver.archiving.keeping import Keeping
from functions.archiver.aws.clients import Clients
from functions.archiver.aws.exchange import lightened
from functions.archiver.bucket.s3 import CONFIG, S3Bucket
from functions.archiver.bucket.store import Store
from functions.archiver.entry import Entry, State, Stored, Ticket
from functions.archiver.http.client import Http
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.object_keys import Place
from functions.archiver.provider.provider import Opened
from functions.archiver.recording import Recording
from functions.archiver.settings.storage_classes import StoragePolicy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime.now(UTC)
REGION = "us-east-1"


class NoPace:
    """Slots without end."""

    def book(self, kind: str) -> None:
        """At once."""

    def hold(self, seconds: float) -> None:
        """Never."""


class NoLedger:
    """Takes the note that goes ahead of a write in parts, and keeps none."""

    def note(self, ticket: Ticket, stored: Stored) -> None:
        """Nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class At(Place):
    """A place whose audio has a key of our choosing, whatever its extension."""

    key: str

    def audio(self, extension: str) -> str:
        """That key."""
        return self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class ToKey(Entry):
    """An entry whose audio goes to one key."""

    key: str

    @property
    def place(self) -> Place:
        """Where that key is."""
        return At(source=self.source, day=self.day, recording_id=self.recording.id, key=self.key)


class Access(TypedDict):
    """What a client is made with besides its endpoint."""

    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str | None
    region_name: str


def access() -> Access:
    """The credentials of the environment, or those of a test store."""
    return {
        "aws_access_key_id": os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        "aws_secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        "aws_session_token": os.environ.get("AWS_SESSION_TOKEN"),
        "region_name": os.environ.get("AWS_DEFAULT_REGION", REGION),
    }


def our_s3_at(endpoint: str) -> S3Client:
    """A client as a downloader makes it."""
    return cast("S3Client", lightened(Clients().client("s3", config=CONFIG, endpoint_url=endpoint, **access())))


class Mover:
    """Moves recordings from one origin into one bucket, as a warm downloader does: clients are made once."""

    def __init__(self, url: str, bucket: str, s3: S3Client, *, ca_file: str | None = None) -> None:
        origin = urlsplit(url)
        self._http = Http(
            base_url=f"{origin.scheme}://{origin.netloc}", slots=NoPace(), allow_private=True, ca_file=ca_file
        )
        policy = StoragePolicy(storage="STANDARD", expire_after_days=None)
        never = cast("Any", None)  # a second fetch, where nothing proves that all has come, is no part of the measure
        ledger = cast("Any", NoLedger())
        self._keeping = Keeping(store=Store(S3Bucket(s3, bucket), policy=policy), ledger=ledger, provider=never)

    def move(self, url: str, key: str) -> int:
        """One recording to `key`; its size in bytes. Raises what the archiver would make an outcome of."""
        recording = Recording(id=key, recorded_at=NOW, raw={})
        entry = ToKey(
            kind="recording",
            recording=recording,
            state=State.QUEUED,
            source="bench",
            day=NOW.date(),
            found_at=NOW,
            discovered_by="schedule",
            key=key,
        )
        ticket = Ticket(kind="recording", source="bench", id=key, lease_ms=0)
        with self._http.stream("media", url) as body:
            kept = self._keeping.keep(ticket, entry, recording, Opened(body=body))
        return kept.stored.size_bytes
