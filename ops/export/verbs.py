"""The verb `export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from ops.accesses.access import NotRecorded
from ops.archive.archive import Archive
from ops.archive.opening import open_archive
from ops.archive.targets import checked_target
from ops.export.export import Exporting, ExportRequest, ExportResult
from ops.find.selection import Selection, selected
from ops.holds.cases import Cases, checked_case, no_such_case
from ops.holds.placing import Holding
from ops.index.asking import rows_named
from ops.index.rows import Row
from ops.seals.openssl import FileSigner, is_p256
from ops.shell.moments import in_zone
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.texts import bytes_text, counted
from ops.shell.verb import Shared

_MAKE_KEY = "aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY"

MAX_DAYS = 366
"""A query's days whose completeness is told although nothing was found in them."""


def export(
    shared: Shared,
    wanted: ExportRequest,
    selection: Selection,
    *,
    held_by: str | None,
    out: Path,
    sign_key: Path | None,
) -> ExitCode:
    """Writes the zip; exit code 6 where a recording is not what was archived. Raises Failure."""
    archive = open_archive(shared)
    output = shared.output(archive.zone)
    signer = FileSigner(sign_key) if sign_key else archive.export_signer
    if signer is not None and not is_p256(signer.public_key()):
        raise Failure(ExitCode.MISUSE, "export_key is not a signing key on the curve P-256", next_=_MAKE_KEY)
    if out.exists():
        raise Failure(ExitCode.MISUSE, f"{out} is there already: give another --out")
    checked_target(out, "--out", archive)
    rows = _rows(archive, shared, selection, held_by, output)
    zone = shared.zone or archive.zone
    wanted = replace(
        wanted,
        case=checked_case(wanted.case),
        query=_query(selection, held_by, zone),
        days=_days(archive, selection, zone),
    )
    try:
        made = Exporting(archive, signer=signer).write(out, rows, wanted)
    except FileExistsError:
        raise Failure(ExitCode.MISUSE, f"{out} is there already: give another --out") from None
    except NotRecorded as trouble:
        raise Failure(
            ExitCode.UNAVAILABLE, f"nothing was exported, because it could not be recorded: {trouble}"
        ) from None
    return _tell(output, made, signed=signer is not None)


def _rows(archive: Archive, shared: Shared, selection: Selection, held_by: str | None, output: Output) -> list[Row]:
    if held_by is None:
        return selected(archive, shared, selection, output.progress)
    if selection.ids or selection.given:
        raise Failure(ExitCode.MISUSE, "--held-by says which recordings: give neither ids nor filters with it")
    if Cases(archive.bucket).get(held_by) is None:
        raise no_such_case(archive.name, held_by)
    held = Holding(archive).held_by(held_by)
    return [row for kept in held for row in rows_named(archive, kept.recording_id, [kept.source])]


def _query(selection: Selection, held_by: str | None, zone: tzinfo) -> dict[str, Any]:
    """As typed, and its times in UTC."""
    typed = {name: str(value) for name, value in selection.given.items()}
    in_utc = {
        name: in_zone(value, zone).isoformat() for name, value in selection.given.items() if isinstance(value, datetime)
    }
    return {"ids": list(selection.ids), "held_by": held_by, "filters": typed, "utc": in_utc}


def _days(archive: Archive, selection: Selection, zone: tzinfo) -> Mapping[str, Sequence[date]]:
    """The days (UTC) that the query spans, of each source that it may mean."""
    given = selection.given
    start = given.get("day") or given.get("since")
    if start is None:
        return {}
    begin = in_zone(start, zone)
    end = begin + timedelta(days=1) if "day" in given else in_zone(given["until"], zone) if "until" in given else None
    last = ((end or datetime.now(UTC)) - timedelta(microseconds=1)).date()
    count = min((last - begin.date()).days + 1, MAX_DAYS)
    days = [begin.date() + timedelta(days=number) for number in range(max(count, 0))]
    sources = [given["source"]] if "source" in given else archive.sources
    return dict.fromkeys(sources, days)


def _tell(output: Output, made: ExportResult, *, signed: bool) -> ExitCode:
    output.document(
        {
            "file": str(made.path),
            "recordings": made.recordings,
            "bytes": made.bytes,
            "altered": made.altered,
            "left_out": [dict(each) for each in made.left_out],
            "signed": signed,
        }
    )
    for each in made.left_out:
        output.note(f"left out: {each['source']}  {each['recording_id']}  {each['why']}")
    output.verdict(
        f"{made.path}: {counted(made.recordings)}, {bytes_text(made.bytes)}"
        + ("" if signed else "; not signed: --sign-key FILE signs it, or export_key in the deployment file")
    )
    if made.altered:
        return ExitCode.ALTERED
    return ExitCode.LOOK if made.left_out else ExitCode.DONE
