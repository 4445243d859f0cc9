"""A provider's own operations by hand, with the credentials and the pace of one source.

Nothing here reads or writes the archive: what is deleted is deleted at the provider, archived or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from functions.archiver.errors import Gone, Misconfigured, NotFound
from functions.archiver.provider.paging import every_page
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Json, Recording
from ops.shell.texts import counted


def list_recordings(provider: Provider, start: datetime, end: datetime) -> Iterator[Mapping[str, Json]]:
    """The provider's list between two moments, calls without a file included."""
    for page in every_page(provider, start, end):
        yield from map(facts, page.recordings)
        yield from ({"call_id": call.call_id, "recorded_at": _text(call.recorded_at)} for call in page.calls)


def facts(recording: Recording) -> dict[str, Json]:
    """A recording as a JSON object. Its link stays out, since whoever has it can fetch the audio."""
    fields: dict[str, Any] = asdict(recording) | {"readiness": recording.readiness.value}
    del fields["link"]
    return fields | {"recorded_at": _text(recording.recorded_at)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def fetch(provider: Provider, recording: Recording, to: Path) -> None:
    """Fetches its audio into the new file `to`. Raises FileExistsError before anything is asked."""
    with to.open("xb") as file:
        try:
            with provider.open(recording) as opened:
                for chunk in opened.body.chunks():
                    file.write(chunk)
        except BaseException:
            to.unlink()  # half a recording looks like a whole one
            raise


def deletion_plan(provider: Provider, recording_ids: Sequence[str]) -> Iterator[str]:
    """The effect that deleting these would have, a line each. Raises Misconfigured where the provider has none."""
    what = provider.declaration.deletes
    if what is None:
        raise Misconfigured(f"{provider.declaration.title} has no way to delete a recording")
    object_ = "every recording of the call of" if what == "call" else "recording"
    title = provider.declaration.title
    return (f"deletes {object_} {id_} at {title} for good, archived or not" for id_ in recording_ids)


def delete(provider: Provider, recording_ids: Sequence[str]) -> Iterator[str]:
    """Deletes at the provider, in one request where it has one; a sentence about each.

    What the answer to several does not call deleted is asked for once more by itself, which says why. Raises NotFound
    with the ids that the provider does not have, after all others.
    """
    done: set[str] = set()
    unknown: list[str] = []
    if len(recording_ids) > 1 and provider.declaration.deletes_many:
        done = {id_ for id_, deleted in provider.delete_many(recording_ids).items() if deleted}
        yield f"deleted {counted(len(done))}"
    for id_ in recording_ids:
        if id_ in done:
            continue
        try:
            yield provider.delete(Recording(id=id_)) or f"deleted {id_}"
        except (NotFound, Gone):
            unknown.append(id_)
    if unknown:
        raise NotFound(f"the provider has no recording {', '.join(map(repr, unknown))}")


def annotate(provider: Provider, recording_id: str, notes: str) -> str:
    """Writes notes, a JSON object as text, to the recording at the provider."""
    if not provider.declaration.annotates:
        raise Misconfigured(f"{provider.declaration.title} has no way to annotate a recording")
    try:
        document = json.loads(notes)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Misconfigured('the notes must be a JSON object, such as {"tags": ["sales"]}')
    return provider.annotate(recording_id, document)


def upload(provider: Provider, *, kind: str, target_id: str, path: str) -> str:
    """Hands audio to the provider, for a menu or a queue; never a recording of a call."""
    if not provider.declaration.uploads:
        raise Misconfigured(f"{provider.declaration.title} takes no audio")
    return provider.upload(kind=kind, target_id=target_id, path=path) or "uploaded"
