"""The page's view of a real archive, be it a folder or a deployed stack."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from functions.archiver.bucket.bucket import Bucket, NotThere, Unreadable
from functions.archiver.entry import Stored
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.ledger.items import entry_of, pk_of
from functions.archiver.object_keys import digest_of
from ops.accesses.access import NotRecorded, What
from ops.accesses.recording import Recorder, log_of
from ops.archive.archive import Archive
from ops.export.export import Exporting, ExportRequest
from ops.holds.cases import Case, Cases, checked_case
from ops.holds.placing import Holding
from ops.index.file import path_of
from ops.index.index import Index
from ops.index.rows import Row
from ops.page.day_cells import cell_of, cells_of
from ops.page.refreshing import Refresher
from ops.page.telling import details_of
from ops.page.view import (
    Access,
    DayCell,
    Details,
    HoldCase,
    Media,
    NotLogged,
    Progress,
    Refused,
    Unreachable,
)
from ops.recording.dossier import dossier_of
from ops.shell.failures import failure_of
from ops.shell.output import ExitCode, Failure

PIECE_BYTES = 256 * 1024

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "UnauthorizedSSOTokenError")
_SIGN_IN = "The sign-in to AWS has expired. Run `aws sso login`, then reload."


class ArchiveView:
    """Reads through `archive`; `writable` opens the same one for what changes its ledger.

    Exports are written into `downloads`, the person's own folder of that name by default.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        zone: ZoneInfo,
        refresher: Refresher,
        writable: Callable[[], Archive],
        downloads: Path | None = None,
    ) -> None:
        self.name = archive.name
        self.zone = zone
        self._archive = archive
        self._table = archive.table  # an archive without a ledger is a sentence at once
        self._refresher = refresher
        self._writable = writable
        self._downloads = downloads or _downloads()
        self._recorder = Recorder(archive)
        self._path = path_of(archive)
        Index.open(self._path).close()  # made once, before several threads ask for it

    def index(self) -> Index:
        return Index.open(self._path)

    def progress(self) -> Progress:
        with closing(self.index()) as index:
            return self._refresher.progress(index)

    def details(self, row: Row) -> Details:
        with _reachable():
            known = dossier_of(self._archive, row)
            return details_of(known, self._archive.bucket, self.zone) if known else Details(reason=_GONE)

    def record(self, who: str, what: What, row: Row | None, reason: str = "") -> None:
        if row is None:
            return
        try:
            self._recorder.record(what, row.source, row.recording_id, reason, who=who)
        except NotRecorded as trouble:
            raise NotLogged(str(trouble)) from None

    def media(self, row: Row, first: int, last: int | None) -> Media:
        with _reachable():
            stored, total = self._stored(row)
            first = max(total + first, 0) if first < 0 else first
            end = total - 1 if last is None else min(last, total - 1)
            return Media(
                chunks=_Pieces(self._archive.bucket, stored, first, end + 1),
                first=first,
                last=end,
                total=total,
                content_type=stored.content_type,
                filename=stored.key.rpartition("/")[2],
            )

    def _stored(self, row: Row) -> tuple[Stored, int]:
        """The object by the ledger, and its size in bytes. Raises LookupError where there are none."""
        item = self._table.get(pk_of(row.source, row.recording_id))
        stored = entry_of(item).stored if item else None
        if stored is None:
            raise LookupError(row.recording_id)
        if row.state != "altered":
            return stored, stored.size_bytes
        head = self._archive.bucket.head(stored.key, version_id=stored.version_id)
        if head is None:
            raise LookupError(row.recording_id)
        return stored, head.size_bytes

    def days(self, first: date, last: date) -> Sequence[DayCell]:
        with _reachable():
            return [
                cell for source in self._archive.sources for cell in cells_of(self._archive.bucket, source, first, last)
            ]

    def day(self, source: str, day: date) -> DayCell | None:
        with _reachable():
            return cell_of(self._archive.bucket, source, day) if source in self._archive.sources else None

    def cases(self) -> Sequence[HoldCase]:
        with _reachable():
            return [_case(case) for case in Cases(self._archive.bucket).all() if case.is_open]

    def hold(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        with _reachable():
            holding = Holding(self._writable())
            holding.refuse_without_lock()
            name = checked_case(case)
            for row in rows:
                self.record(who, "hold", row, f"case {name}")
            held = holding.hold(name, reason, rows, {"picked": len(rows)})
        with closing(self.index()) as index:  # the next refresh may not look at days of long ago
            index.put(replace(row, held=True) for row in rows)
        what = "recording is" if held.recordings == 1 else "recordings are"
        return f"{held.recordings:,} {what} on hold for {name}."

    def export(self, who: str, case: str, reason: str, rows: Sequence[Row]) -> str:
        with _reachable():
            path = _new_file(self._downloads, checked_case(case))
            try:
                made = Exporting(self._archive).write(path, rows, ExportRequest(case=case, reason=reason))
            except NotRecorded as trouble:
                raise NotLogged(str(trouble)) from None
            except OSError as trouble:
                raise Refused(f"{path} cannot be written: {trouble.strerror or trouble}.") from None
        left_out = f" {len(made.left_out)} left out, named in it." if made.left_out else ""
        return f"{made.recordings:,} exported to {made.path}.{left_out}"

    def retry(self, who: str, rows: Sequence[Row]) -> str:
        with _reachable():
            archive = self._writable()
            done = [row for row in rows if archive.ledger(row.source).revival.retry(row.recording_id, who)]
        if not done:
            raise Refused("It has neither failed nor is it in quarantine any more. Reload to see what it is now.")
        return "It is tried again at the next tick, with fresh attempts."

    def _names(self, digests: set[str]) -> dict[str, str]:
        """Ids by digest, as the index knows them: records on AWS hold no id, because no erasure reaches them."""
        if not digests:
            return {}
        with closing(self.index()) as index:
            return {digest: name[1] for name in index.names() if (digest := digest_of(*name)) in digests}

    def accesses(self, first: date, last: date) -> Sequence[Access]:
        with _reachable():
            records = log_of(self._archive).read(first, last)
        names = self._names({each.recording for each in records.accesses if each.recording_id is None})
        newest_first = reversed(records.accesses)
        return [
            Access(
                at=each.at,
                who=each.who,
                what=each.what,
                recording=each.recording_id or names.get(each.recording, f"{each.recording[:12]}…"),
                reason=each.reason,
            )
            for each in newest_first
        ]


def _case(case: Case) -> HoldCase:
    placed = case.placed
    return HoldCase(
        name=case.name, reason=placed.reason, count=len(case.recordings), placed_at=placed.at, placed_by=placed.who
    )


_GONE = "The ledger no longer has it. The list will follow within a minute."


class _Pieces(Iterator[bytes]):
    """The bytes of a range, opened at once so that what is not there is known before the answer begins."""

    def __init__(self, bucket: Bucket, stored: Stored, start: int, end: int) -> None:
        self._open = ExitStack()
        reading = bucket.read(stored.key, version_id=stored.version_id, start=start, end=end)
        try:
            self._pieces = _cut(self._open.enter_context(reading))
        except NotThere:
            raise LookupError(stored.key) from None

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """The server calls this however the answer ends."""
        self._open.close()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            yield piece[start : start + PIECE_BYTES]


@contextmanager
def _reachable() -> Iterator[None]:
    """Turns what AWS, the ledger's file or the disk says into a sentence for the page."""
    try:
        yield
    except (LookupError, NotLogged, Refused, Unreachable):
        raise
    except Unreadable:
        raise Unreachable("It lies in a storage class that cannot be read at once.") from None
    except ArchiveTrouble as trouble:
        raise Unreachable(_SIGN_IN if trouble.code in _EXPIRED else str(trouble)) from None
    except Exception as error:
        if type(error).__name__ in _EXPIRED:
            raise Unreachable(_SIGN_IN) from None
        failure = error if isinstance(error, Failure) else failure_of(error)
        if failure.code is ExitCode.BUG:
            raise
        if failure.code in (ExitCode.REFUSED, ExitCode.MISUSE):
            raise Refused(_sentence(failure.message)) from None
        raise Unreachable(failure.message) from None


def _downloads() -> Path:
    """Where a browser would put it, else the folder in which the page was started."""
    folder = Path.home() / "Downloads"
    return folder if folder.is_dir() else Path.cwd()


def _new_file(folder: Path, case: str) -> Path:
    """A name in the folder that nothing has yet; the case's own characters where a file's name may hold them."""
    stem = re.sub(r"[^\w.-]+", "-", case).strip("-.") or "export"
    numbered = (folder / f"{stem}{f'-{number}' if number else ''}.zip" for number in itertools.count())
    return next(path for path in numbered if not path.exists())
