"""Takes recordings out of archives that a provider hands over beside its API.

babelforce packs a dialer's recordings into daily archives. Each audio file in them goes the way of any other recording:
judged by its bytes, stored once under the usual key, sidecar, and the mark in the ledger last. Doing it again changes
nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath

from functions.archiver.archiving.completeness import Chunks, audio_of, pour
from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import Kind, Verdict
from functions.archiver.bucket.bucket import Conflict
from functions.archiver.bucket.digest import Hasher
from functions.archiver.bucket.sidecar import sidecar, without_document
from functions.archiver.bucket.store import Store
from functions.archiver.bucket.upload import Occupied
from functions.archiver.clock import Clock
from functions.archiver.entry import Entry, State
from functions.archiver.errors import Misconfigured, Outcome, Rejected
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.terms import end_of_term, look_again_from
from functions.archiver.provider.json_values import text_of
from functions.archiver.recording import NO_TRANSCRIPT, Recording
from functions.archiver.runtime import Runtime
from functions.archiver.settings.deployment import Deployment, Source
from functions.archiver.settings.toml_file import read
from functions.archiver.source_client import http_of
from ops.archive.opening import deployed
from ops.importing.recording_names import may_hold_recordings, named_as_recording
from ops.importing.unpacking import Limits, Member, Refused, members
from ops.provider.connection import source_of
from ops.shell.output import ExitCode, Output
from ops.shell.texts import are, counted
from ops.shell.verb import Shared

MAX_FETCHED_BYTES = 100 * 1024**3
"""The largest archive that is fetched from a URL."""

_URL = re.compile(r"https?://", re.IGNORECASE)
IMPORTED = "import-"
"""In front of an id that is not the provider's, so that the two never meet."""

FILE_TIME = "file time"

_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """The options of the verb. `out` is a local run's folder; None stands for the deployed archive.

    `providers_ids`: what the members are named by are ids of the provider, under which its API knows them too.
    """

    deployment: Path
    source: str
    archives: Sequence[str]
    out: Path | None = None
    dry_run: bool = False
    providers_ids: bool = False


def run(order: Order, shared: Shared) -> ExitCode:
    """Imports every archive and says what became of it. Raises Misconfigured."""
    deployment = read(order.deployment)
    source = source_of(deployment, order.source)
    pattern = _pattern(source)
    output = shared.output()
    if order.out is None:
        runtime = deployed(shared, deployment.archive.name).runtime(source.name)
        return _import(order, runtime, source, pattern, output)
    return _import_into_folder(order, deployment, source, pattern, output)


def _import_into_folder(
    order: Order, deployment: Deployment, source: Source, pattern: re.Pattern[str] | None, output: Output
) -> ExitCode:
    # Imported here: an import into AWS needs no engine of a local run.
    from ops.local.hand import looking_at, working_on

    assert order.out is not None
    if order.dry_run:
        with looking_at(order.out, deployment) as hand:
            return _import(order, hand.runtime(source), source, pattern, output)
    with working_on(order.out, "import", deployment, say=output.note) as hand:
        return _import(order, hand.runtime(source), source, pattern, output)


def _pattern(source: Source) -> re.Pattern[str] | None:
    text = source.options.get("archive_pattern")
    try:
        return re.compile(str(text)) if text else None
    except re.error as error:
        raise Misconfigured(f"sources.{source.name}.options.archive_pattern: {error}") from None


OUTCOMES = ("archived", "known", "skipped", "refused")


def _import(
    order: Order, runtime: Runtime, source: Source, pattern: re.Pattern[str] | None, output: Output
) -> ExitCode:
    importer = Importer(
        source=source.name,
        ledger=runtime.ledger,
        store=runtime.store,
        clock=runtime.clock,
        pattern=pattern,
        dry_run=order.dry_run,
        providers_ids=order.providers_ids,
        term_days=runtime.settings.expire_after_days,
    )
    counts: Counter[str] = Counter()
    left_out: list[Mapping[str, str | None]] = []

    def leave_out(result: Result, archive: str, member: str | None = None) -> None:
        left_out.append({"archive": archive, "member": member, "outcome": result.outcome, "reason": result.reason})
        output.line(f"{archive}: {f'{member!r} ' if member else ''}{result.outcome}: {result.reason}")

    for address in order.archives:
        name = address.partition("?")[0] if _URL.match(address) else address  # a query may hold a signature
        before = counts.total()
        try:
            with _opened(address, source, runtime) as path:
                for member, result in importer.take(path):
                    counts[result.outcome] += 1
                    if result.reason:
                        leave_out(result, name, member.name)
            if counts.total() == before:
                raise Refused("nothing to import in it")
        except (Refused, Outcome, OSError) as error:
            counts["refused"] += 1
            leave_out(Result(outcome="refused", reason=_reason(error)), name)
    if importer.oldest:
        look_again_from(runtime.table, source.name, importer.oldest)
    for warning in importer.warnings():
        output.note(warning)
    figures = {outcome: counts[outcome] for outcome in OUTCOMES}
    output.document(figures | {"left_out": left_out})
    dry = "; this was a dry run, nothing was written" if order.dry_run else ""
    output.verdict(", ".join(f"{count} {outcome}" for outcome, count in figures.items()) + dry)
    return ExitCode.LOOK if counts["refused"] else ExitCode.DONE


def _reason(error: Exception) -> str:
    return (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)


@contextmanager
def _opened(name: str, source: Source, runtime: Runtime) -> Iterator[Path]:
    """The archive as a file; one that a URL names is fetched, at the source's pace and past the usual guard."""
    if not _URL.match(name):
        yield Path(name)
        return
    http = http_of(source, runtime.pace)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "archive")
        with path.open("wb") as file, http.stream("archive", name) as body:
            for chunk in body.chunks():
                if file.tell() + len(chunk) > MAX_FETCHED_BYTES:
                    raise Refused(f"it is larger than {MAX_FETCHED_BYTES} bytes")
                file.write(chunk)
        yield path


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of a member: archived, known (it was before), skipped (not even named as audio), refused."""

    outcome: str
    reason: str | None = None


class Importer:
    """Puts the audio of archives into one source's part of the archive.

    `pattern` is searched for in a member's path; its groups `id` and `date` name the recording. What it does not tell
    is taken from the file's name without its ending, and from the time that the archive gives the file, which may be
    that of the copy. Ids get a word in front that keeps them from the provider's, unless they are the provider's.
    With `dry_run` everything is read and judged, and nothing written. What was recorded longer ago than `term_days` and
    what was erased is refused. `oldest` is the first day of what was imported.
    """

    def __init__(
        self,
        *,
        source: str,
        ledger: Ledger,
        store: Store,
        clock: Clock,
        pattern: re.Pattern[str] | None = None,
        limits: Limits | None = None,
        dry_run: bool = False,
        providers_ids: bool = False,
        term_days: int | None = None,
    ) -> None:
        self._source = source
        self._term_days = term_days
        self.oldest: date | None = None
        self._dry_run = dry_run
        self._prefix = "" if providers_ids else IMPORTED
        self._guessed = 0
        self._seen: dict[str, str] = {}
        self._twice: list[str] = []
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._pattern = pattern
        self._limits = limits or Limits()

    def take(self, path: Path) -> Iterator[tuple[Member, Result]]:
        """Every member of the archive, with what became of it. Raises Refused when the rest cannot be used."""
        for member in members(path, self._limits):
            yield member, self._take(member, path.name)

    def warnings(self) -> Iterator[str]:
        """Warnings about recordings that were taken."""
        if self._guessed:
            yield (
                f"{counted(self._guessed)} {are(self._guessed)} dated by the time of their file, which may be "
                "that of a copy: archive_pattern, an option of the source, reads the time out of the name"
            )
        yield from self._twice

    def _take(self, member: Member, archive: str) -> Result:
        if member.refused:
            return Result(outcome="refused", reason=member.refused)
        recording = self._recording(member, archive)
        if recording is None:
            return Result(outcome="refused", reason="its name gives no usable id")
        if forbidden := self._forbidden(recording):
            return Result(outcome="refused", reason=forbidden)
        try:
            known = self._ledger.find(recording.id)
            result = self._compare(known, member) if known else self._take_new(recording, member)
            if result.outcome == "archived" and recording.recorded_at_from == FILE_TIME:
                self._guessed += 1
            return result
        except (Rejected, Occupied, Conflict) as problem:
            return Result(outcome="refused", reason=str(problem))

    def _forbidden(self, recording: Recording) -> str | None:
        """Why it must not be kept, or kept again."""
        recorded, days = recording.recorded_at, self._term_days
        if recorded and days and end_of_term(recorded, days) <= self._clock.now():
            return f"it was recorded on {recorded:%Y-%m-%d}, and recordings are kept for {days} days (expire_after)"
        if self._ledger.tombstones.of([recording.id]):
            return "a recording of this id was erased, or its term was over (recordings erasures lists erasures)"
        return None

    def _recording(self, member: Member, archive: str) -> Recording | None:
        found = self._pattern.search(member.name) if self._pattern else None
        groups = found.groupdict() if found else {}
        id_ = text_of(groups.get("id") or PurePosixPath(member.name.replace("\\", "/")).stem)
        named = _moment(groups.get("date"))
        if id_ is None:
            return None
        return Recording(
            id=f"{self._prefix}{id_}",
            recorded_at=named or member.modified,
            recorded_at_raw=groups.get("date"),
            recorded_at_from="file name" if named else FILE_TIME if member.modified else None,
            size_bytes=member.size_bytes,
            raw={"archive": archive, "member": member.name},
        )

    def _compare(self, known: Entry, member: Member) -> Result:
        """Whether an id that the ledger has means these very bytes."""
        verdict, sha256 = _read(member)
        if verdict.audio is None:
            return _without_audio(member, verdict)
        if known.state is not State.ARCHIVED or known.stored is None:
            raise Rejected(f"the ledger has a recording of this id as {known.state.value}")
        if known.stored.sha256 != sha256:
            raise Rejected(f"other audio of this id is archived as {known.stored.key}")
        return Result(outcome="known")

    def _take_new(self, recording: Recording, member: Member) -> Result:
        return self._judge(recording, member) if self._dry_run else self._store_new(recording, member)

    def _judge(self, recording: Recording, member: Member) -> Result:
        """The result that storing it would have."""
        verdict, sha256 = _read(member)
        if verdict.audio is None:
            return _without_audio(member, verdict)
        audio_of(verdict)
        self._remark(recording.id, sha256)
        return Result(outcome="archived")

    def _remark(self, recording_id: str, sha256: str) -> None:
        """Notes equal bytes under two ids: often one recording, named twice."""
        first = self._seen.setdefault(sha256, recording_id)
        if first != recording_id:
            self._twice.append(f"{recording_id!r} has the same bytes as {first!r}")

    def _store_new(self, recording: Recording, member: Member) -> Result:
        now = self._clock.now()
        entry = Entry(
            kind="recording",
            recording=recording,
            state=State.ARCHIVED,
            source=self._source,
            day=(recording.recorded_at or now).date(),
            found_at=now,
            discovered_by="backfill",
        )
        upload = self._store.upload(entry)
        try:
            verdict = pour(Chunks(member.chunks()), upload, member.size_bytes)
            if verdict.audio is None:
                return _without_audio(member, verdict)
            audio = audio_of(verdict)
            stored = upload.finish(audio)  # or what an import that died before the ledger had it left there
        finally:
            upload.abort()
        archived_at = self._clock.now()
        entry = replace(entry, stored=stored, archived_at=archived_at)
        digest = self._store.write_sidecar(entry.place, sidecar(entry, stored, NO_TRANSCRIPT, archived_at))
        entry = replace(entry, metadata_sha256=digest)
        # Straight to archived, and last: no queue ever sees what the provider's API does not know.
        added = self._ledger.restore(without_document(entry), new=True)
        self.oldest = min(self.oldest or entry.day, entry.day)
        self._remark(recording.id, stored.sha256)
        return Result(outcome="archived" if added else "known")


def _read(member: Member) -> tuple[Verdict, str]:
    """What a member's bytes are, and their SHA-256."""
    inspector, hasher = Inspector(), Hasher()
    for chunk in member.chunks():
        inspector.feed(chunk)
        hasher.feed(chunk)
    return inspector.finish(), hasher.digest().sha256_hex


def _without_audio(member: Member, verdict: Verdict) -> Result:
    """Lists and notes are passed over; what may be a recording and is not archived must never look like success."""
    reason = verdict.problem or "an unknown kind of data"
    if named_as_recording(member.name):
        return Result(outcome="refused", reason=f"its name is that of a recording, and its content is {reason}")
    if verdict.kind is Kind.UNKNOWN and may_hold_recordings(member.name):
        return Result(outcome="refused", reason=f"it may hold recordings: {reason}; unpack or decrypt it first")
    return Result(outcome="skipped", reason=reason)


def _moment(text: str | None) -> datetime | None:
    """A date out of a name: ISO 8601, or 8, 12 or 14 digits whatever stands between them; UTC without a zone."""
    digits = re.sub(r"[^0-9]", "", text or "")
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        try:
            moment = datetime.strptime(digits, _DIGITS.get(len(digits), "-"))
        except ValueError:
            return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
