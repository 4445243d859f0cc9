"""The archiver of one source with everything it works on, and a provider that does as it is told.

bench = ArchivingBench(aws, clock)
bench.provider.audio["rec"] = [NotReady("still being written"), Sends(wav())]     # in this order; the last one repeats
bench.finds("rec")
bench.work()                    # one message, as the event source mapping would hand it over
bench.next_turn()               # moves the clock to the next thing that is due, dispatches and works
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from functions.archiver.archiving.archiving import Archiver, Report
from functions.archiver.archiving.completeness import Chunks
from functions.archiver.entry import Entry
from functions.archiver.http.client import Body
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import NO_TRANSCRIPT, Page, Recording, Rendition, Transcript, Window
from functions.archiver.settings.storage_classes import StoragePolicy
from functions.archiver.throttling.lanes import read
from tests.doubles.aws import Aws, s3
from tests.doubles.clock import NOON, FakeClock
from tests.harness.parts import STANDARD, Parts

RECORDED = NOON - timedelta(hours=3)
DAY = RECORDED.date().isoformat()
PIECE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Sends:
    """Audio that the provider sends. Its length is proven by `length` or by `framed`, where they are given.

    `fails` is raised in place of the end of the body.
    """

    body: bytes
    length: int | None = None
    framed: bool = False
    partial: bool = False
    content_type: str | None = None
    undone: str | None = None
    fails: Exception | None = None
    recording: Recording | None = None
    siblings: Sequence[Recording] = ()
    transcript: Transcript = NO_TRANSCRIPT
    rendition: Rendition | None = None
    encrypted: str | None = None

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), PIECE):
            yield self.body[start : start + PIECE]
        if self.fails:
            raise self.fails


def whole(body: bytes, **more: Any) -> Sends:
    """A body whose Content-Length proves it complete."""
    return Sends(body=body, length=len(body), **more)


class _Sent:
    """One body of what is sent, to be read once."""

    def __init__(self, sends: Sends) -> None:
        self._sends = sends
        self.readinto = Chunks(sends.chunks()).readinto

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sends, name)


class ScriptedProvider(Provider):
    """Answers from lists: the next answer of an id each time, the last one again and again; exceptions are raised."""

    declaration = Declaration(
        title="scripted",
        secret_fields=(("key",),),
        rate_default=60,
        parallel_default=1,
        overlap_minimum=timedelta(hours=1),
    )

    def __init__(self) -> None:
        super().__init__(cast(Any, None), Account(source="acme", base_url="https://acme.example", credentials={}))
        self.audio: dict[str, list[Sends | Exception]] = {}
        self.described: dict[str, list[Recording | Exception]] = {}
        self.calls: dict[str, list[Sequence[Recording] | Exception]] = {}
        self.transcripts: dict[str, list[Transcript | Exception]] = {}
        self.trouble: Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self.wanted: list[Recording] = []

    def makes_transcripts(self) -> None:
        self.declaration = replace(type(self).declaration, transcripts=True)  # type: ignore[misc]  # a class attribute

    def _next(self, what: str, id_: str, answers: dict[str, list[Any]]) -> Any:
        self.asked.append((what, id_))
        script = answers[id_]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def page(self, window: Window, cursor: str | None) -> Page:
        self.asked.append(("page", ""))
        if self.trouble:
            raise self.trouble
        return Page(recordings=(), rows=0)

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        self.wanted.append(recording)
        sends = self._next("open", recording.id, self.audio)
        yield Opened(
            body=cast(Body, _Sent(sends)),
            recording=sends.recording,
            siblings=sends.siblings,
            transcript=sends.transcript,
            rendition=sends.rendition,
            encrypted=sends.encrypted,
        )

    def describe(self, recording_id: str) -> Recording:
        found: Recording = self._next("describe", recording_id, self.described)
        return found

    def look_up(self, call_id: str) -> Sequence[Recording]:
        found: Sequence[Recording] = self._next("look up", call_id, self.calls)
        return found

    def transcript(self, recording: Recording) -> Transcript:
        found: Transcript = self._next("transcript", recording.id, self.transcripts)
        return found

    def times(self, what: str) -> int:
        return sum(kind == what for kind, _ in self.asked)


class ArchivingBench(Parts):
    """One source at a rate that never makes it wait."""

    def __init__(self, aws: Aws, clock: FakeClock, *, lanes: int = 1, policy: StoragePolicy = STANDARD) -> None:
        super().__init__(aws, clock, lanes=lanes, policy=policy)
        self.lanes = lanes
        self.policy = policy
        self.provider = ScriptedProvider()
        self.provider_of: Any = lambda: self.provider

    def archiver(self, lanes: int | None = None) -> Archiver:
        return Archiver(
            provider=lambda: self.provider_of(),
            ledger=self.ledger,
            store=self.store,
            pace=self.pace,
            intake=self.intake,
            lanes=self.lanes if lanes is None else lanes,
            clock=self.clock,
        )

    def finds(self, id_: str = "rec", **facts: Any) -> Recording:
        """A listing shows a recording, which goes into its lane."""
        recording = Recording(**{"id": id_, "recorded_at": RECORDED, "raw": {"id": id_}, **facts})
        self.intake.take([recording], "schedule")
        return recording

    def message(self) -> dict[str, Any]:
        (message,) = self.aws.messages()
        return message

    def work(
        self, message: dict[str, Any] | None = None, *, times_received: int = 1, lane: int | None = None
    ) -> Report:
        received = read(message or self.message())
        received = replace(received, receive_count=times_received, lane=received.lane if lane is None else lane)
        return self.archiver().work(received)

    def next_turn(self) -> Report:
        """Waits until the next item is due and the source is open, then works on it."""
        due, closed = self.ledger.due.next_at(), self.pace.gate().closed_until
        assert due is not None
        self.clock.moment = max(self.clock.moment, due, closed or due)
        assert self.intake.dispatch() == 1
        return self.work()

    def waits(self) -> timedelta:
        """How long until the next item is due."""
        due = self.ledger.due.next_at()
        assert due is not None
        return due - self.clock.now()

    def entry(self, id_: str = "rec") -> Entry:
        entry = self.ledger.find(id_)
        assert entry is not None
        return entry

    def keys(self, prefix: str = "") -> list[str]:
        answer = s3().list_objects_v2(Bucket=self.aws.bucket, Prefix=prefix)
        return [each["Key"] for each in answer.get("Contents", [])]

    def versions(self, prefix: str = "audio/") -> list[str]:
        """The key of every version, so one that was written twice stands here twice."""
        answer = s3().list_object_versions(Bucket=self.aws.bucket, Prefix=prefix)
        return [each["Key"] for each in answer.get("Versions", [])]

    def uploads(self) -> int:
        """Multipart uploads that were neither completed nor aborted."""
        return len(s3().list_multipart_uploads(Bucket=self.aws.bucket).get("Uploads", []))

    def body(self, key: str) -> bytes:
        return s3().get_object(Bucket=self.aws.bucket, Key=key)["Body"].read()

    def sidecar(self, id_: str = "rec") -> dict[str, Any]:
        return self.aws.document(f"metadata/source=acme/date={DAY}/{id_}.json")
