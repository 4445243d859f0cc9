"""The verbs `seal` and `seal verify`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from functions.archiver.clock import Clock, from_iso
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.listing.cursors import CursorStore
from functions.archiver.reconciling.days import Days, every_day, midnight
from functions.archiver.sealing.book import SealBook, head_in
from functions.archiver.sealing.chain import Chain, ChainBroken
from functions.archiver.sealing.document import Seal
from functions.archiver.sealing.sealer import ASKED_AT_ONCE, Sealer
from functions.archiver.sealing.statement import Listed
from ops.archive.archive import Archive, no_such_source
from ops.archive.folder import FolderArchive
from ops.archive.opening import open_archive
from ops.reconcile.reports import row_of
from ops.seals.chains import ChainCheck, ChainFindings, Keys, keys_in
from ops.seals.openssl import FileSigner, der_of, signer_of_folder
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import counted
from ops.shell.verb import Shared

NOT_COMPARED = "its head was not compared with one kept elsewhere"
_NAMED = 20
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


def seal(
    shared: Shared, source: str | None, first: date | None, last: date | None, *, sign_key: Path | None
) -> ExitCode:
    """Seals days of an archive. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    sources = _sources(archive, source, verbs=("verify",))
    yesterday = Clock().now().date() - timedelta(days=1)
    if first and last and first > last:
        raise Failure(ExitCode.MISUSE, f"--from {first} comes after --to {last}")
    last = min(last or yesterday, yesterday)
    if first and first > last:
        raise Failure(ExitCode.MISUSE, f"{first} is not over yet: a day is sealed when it is")
    if not isinstance(archive, FolderArchive):
        return _ask(archive, output, sources, first, last, sign_key)
    signer = signer_of_folder(archive.root, sign_key)
    done: list[Seal] = []
    # Imported here: an archive on AWS needs no engine of a folder.
    from ops.local.archive import opened

    with opened(archive.root, "seal", say=output.note) as folder:
        for name in sources:
            days = every_day(first, last) if first else []
            done += FolderSealing(folder.table, folder.bucket, name, signer, output).run(days)
    return _tell_sealed(output, done)


def _ask(
    archive: Any, output: Output, sources: list[str], first: date | None, last: date, sign_key: Path | None
) -> ExitCode:
    """Has the reconcilers do it: they ask the provider, and seal under their own lease."""
    if first is None:
        raise Failure(ExitCode.MISUSE, "give --from DATE: what is due is sealed by itself each day")
    if sign_key is not None:
        raise Failure(ExitCode.MISUSE, "an archive on AWS signs with its own key: set sign = true in its deployment")
    client = archive.session.client("lambda")
    for name in sources:
        event = {"action": "seal", "from": first.isoformat(), "to": last.isoformat()}
        function = archive.source(name).functions["reconciler"]
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
    output.document({"sources": sources, "from": first.isoformat(), "to": last.isoformat(), "sealed": None})
    output.verdict(
        f"asked for the days {first} to {last} of {', '.join(sources)}; "
        f"recordings seal verify -a {archive.name} shows what is sealed"
    )
    return ExitCode.DONE


class FolderSealing:
    """Seals days of one source in a folder, whose provider is not asked: its reports say what it listed."""

    def __init__(self, table: Any, bucket: Any, source: str, signer: FileSigner | None, output: Output) -> None:
        self._bucket = bucket
        self._source = source
        self._output = output
        clock = Clock()
        cursors = CursorStore(table, source=source, owner="reconciler", clock=clock)
        table.update(f"{source}#reconciler", put={"lease_until": 0})  # whoever held it is gone: we have the lock
        if not cursors.acquire():
            raise Failure(ExitCode.REFUSED, f"{source} is being reconciled", kind="in_use")
        self._cursors = cursors
        ledger = Ledger(table, source=source, clock=clock)
        book = SealBook(cursors)
        self._sealer = Sealer(
            source=source,
            book=book,
            chain=Chain(source=source, book=book, bucket=bucket, clock=clock, signer=signer),
            days=Days(source=source, ledger=ledger, bucket=bucket),
            clock=clock,
        )

    def run(self, days: list[date]) -> list[Seal]:
        """Seals these days, or without any what is due. Raises Failure where the chain is broken."""
        done: list[Seal] = []
        try:
            if not days:
                self._sealer.take({}, leaving=date.min)
                return [*self._sealer.run()]
            self._sealer.ask(days[0], days[-1])
            for start in range(0, len(days), ASKED_AT_ONCE):
                self._sealer.take_asked(self._listings(days[start : start + ASKED_AT_ONCE]))
                done += self._sealer.run()
            return done
        except ChainBroken as broken:
            raise Failure(
                ExitCode.ALTERED,
                f"{self._source}: the chain of seals is broken: {broken}",
                next_=f"recordings seal verify --source {self._source}",
                kind="seal_chain_broken",
            ) from None
        finally:
            self._cursors.release()

    def _listings(self, days: list[date]) -> dict[date, Listed]:
        today = Clock().now().date()
        row = row_of(self._bucket, self._source, days[0], days[-1], today=today)
        return {day: _listing_in(day, found) for day, found in zip(days, row.days, strict=True)}


def _listing_in(day: date, report: Any) -> Listed:
    """The provider's listing of a day by a report; empty where the day was not over then."""
    try:
        if from_iso(str(report["as_of"])) < midnight(day + timedelta(days=1)):
            return Listed()
        return Listed(number=int(report["listed"]), clean=report["state"] != "unclean")
    except (KeyError, TypeError, ValueError):
        return Listed()


def _tell_sealed(output: Output, done: list[Seal]) -> ExitCode:
    for each in done[:_NAMED]:
        complete = json.dumps(each.statement.complete).strip('"')
        output.line(f"{each.statement.source}: {each.statement.day} sealed as {each.key}, complete: {complete}")
    output.document(
        {
            "sources": sorted({each.statement.source for each in done}),
            "sealed": [
                {
                    "source": each.statement.source,
                    "day": each.statement.day.isoformat(),
                    "key": each.key,
                    "sequence": each.standing.sequence,
                    "sha256": each.sha256,
                    "complete": each.statement.complete,
                }
                for each in done
            ],
        }
    )
    output.verdict(f"{counted(len(done), 'day')} sealed" if done else "no day is due")
    return ExitCode.LOOK if any(each.statement.complete is False for each in done) else ExitCode.DONE


def verify(shared: Shared, source: str | None, *, head: str | None, public_keys: Sequence[Path]) -> ExitCode:
    """Checks the chains; exit code 6 where one is broken, 1 where a file is no part of any. Raises Failure."""
    if head is not None and not _SHA256.fullmatch(head):
        what = f"--head {head[:80]} is not a SHA-256, which has 64 hex digits"
        raise Failure(ExitCode.MISUSE, what, next_="recordings seal verify", kind="no_digest")
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    given, own = [_public_key(path) for path in public_keys], keys_in(archive.bucket)
    keys = Keys(given, given=True, others=own.pems) if given else own
    found = [_check(archive, name, keys) for name in _sources(archive, source)]
    if head is not None and head.lower() not in {seal.sha256 for each in found for seal in each.seals}:
        blamed = found[0] if len(found) == 1 else ChainFindings(source=archive.name)
        blamed.faults.append(f"no seal has the digest {head}: the chain was cut, or made anew")
        found = found if blamed in found else [*found, blamed]
    return _tell(output, found, head=head, keys=keys)


def _check(archive: Archive, source: str, keys: Keys) -> ChainFindings:
    try:
        noted = head_in(archive.table.get(f"{source}#reconciler") or {})
    except Failure:
        noted = None  # no ledger: the seals have to speak for themselves
    return ChainCheck(archive.bucket, source, keys=keys, noted=noted).run()


def _tell(output: Output, found: list[ChainFindings], *, head: str | None, keys: Keys) -> ExitCode:
    seals, faults = sum(len(each.seals) for each in found), [f for each in found for f in each.faults]
    orphans = [orphan for each in found for orphan in each.orphans]
    for each in found:
        for sentence in [*each.faults, *each.orphans][:_NAMED]:
            output.line(f"{each.source}: {sentence}")
        if each.head and not each.faults:
            signed = f", {each.signed} signed" if each.signed else ""
            output.line(f"{each.source}: {counted(len(each.seals), 'seal')}{signed}; head {each.head.sha256}")
        if len(each.signers) > 1:
            for key, of_key in each.signers.items():
                output.line(f"{each.source}: {counted(len(of_key), 'seal')} signed by {key}, from {of_key[0].key} on")
    compared = head is not None or keys.given
    output.document({"sources": [each.document() for each in found], "consistent": not faults, "compared": compared})
    if faults:
        output.verdict(
            f"the chain of seals is broken in {counted(len(faults), 'place')}; next: {output.again(_next(found, keys))}"
        )
        return ExitCode.ALTERED
    if not seals and not orphans:
        output.verdict("no day is due")
        return ExitCode.DONE
    output.verdict("chain is consistent" + ("" if compared else f"; {NOT_COMPARED}"))
    return ExitCode.LOOK if orphans else ExitCode.DONE


def _next(found: list[ChainFindings], keys: Keys) -> str:
    """What to type after a broken chain: are the recordings of that source still as they were?"""
    if not keys.pems:
        return "recordings seal verify --public-key FILE"
    broken = [each.source for each in found if each.faults and each.seals]
    return f"recordings verify --source {broken[0]}" if broken else "recordings verify"


def _sources(archive: Archive, source: str | None, *, verbs: Sequence[str] = ()) -> list[str]:
    if source is None:
        return list(archive.sources)
    if source not in archive.sources:
        raise no_such_source(archive.name, source, archive.sources, verbs=verbs)
    return [source]


def _public_key(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise Failure(ExitCode.MISUSE, f"{path} cannot be read: {(error.strerror or '').lower()}") from None
    if der_of(pem) is None:
        raise Failure(ExitCode.MISUSE, f"{path} holds no public ECDSA key on the curve P-256 (PEM)")
    return pem
