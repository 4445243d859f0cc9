"""`python -m ops provider`: a provider's own operations by hand, with the credentials and the pace of one source.

Nothing here reads or writes the archive: what is deleted is deleted at the provider, archived or not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.errors import Misconfigured, Outcome
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Json, Recording, Window
from functions.archiver.settings.deployment import Source
from functions.archiver.settings.toml_file import read
from functions.archiver.source_client import client_of
from functions.archiver.throttling.pace import MINUTE_WITH_MARGIN_MS
from ops.deployed import source_of

DONE, NOT_DONE = 0, 1
MOST_PAGES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """Which source, and where its secret is: in a file, or in Secrets Manager (None)."""

    deployment: Path
    source: str
    secrets: Path | None = None


class MinimumInterval:
    """A pace for one process: the functions of a deployed archive keep theirs beside it, so be brief."""

    def __init__(self, requests_per_minute: float) -> None:
        self._interval = MINUTE_WITH_MARGIN_MS / 1000 / requests_per_minute
        self._next = 0.0

    def book(self, kind: str) -> None:
        """Sleeps until the next request may be sent, whatever its kind."""
        time.sleep(max(self._next - time.monotonic(), 0.0))
        self._next = time.monotonic() + self._interval


def connect(connection: Connection) -> Provider:
    """The client of the source. Raises Misconfigured."""
    source = source_of(read(connection.deployment), connection.source)
    return client_of(source, secret_of(connection, source), MinimumInterval(source.requests_per_minute))


def secret_of(connection: Connection, source: Source) -> dict[str, object]:
    """The source's secret. Raises Misconfigured."""
    return _from_file(connection.secrets, source) if connection.secrets else _from_aws(source)


def _from_file(path: Path, source: Source) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Misconfigured(f"{path}: cannot be read as JSON") from None
    return _object(document.get(source.secret) if isinstance(document, dict) else None, source)


def _from_aws(source: Source) -> dict[str, object]:
    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=source.secret)["SecretString"]
        return _object(json.loads(text), source)
    except (BotoCoreError, ClientError) as error:
        raise Misconfigured(f"the secret {source.secret} cannot be read: {error}") from None
    except (KeyError, ValueError):
        raise Misconfigured(f"the secret {source.secret} is not a JSON object") from None


def _object(secret: object, source: Source) -> dict[str, object]:
    if not isinstance(secret, dict):
        raise Misconfigured(f"the secret {source.secret} is missing or not a JSON object")
    return secret


# operations


def list_recordings(provider: Provider, start: datetime, end: datetime) -> Iterator[Mapping[str, Json]]:
    """What the provider lists between two moments, calls without a file included."""
    for window in _windows(provider.declaration, start, end):
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = provider.page(window, cursor)
            yield from map(facts, page.recordings)
            yield from ({"call_id": call.call_id, "recorded_at": _text(call.recorded_at)} for call in page.calls)
            cursor = page.next_cursor
            if cursor is None:
                break


def _windows(declaration: Declaration, start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        until = min(start + declaration.max_window, end) if declaration.max_window else end
        yield Window(start=start, end=until)
        start = until


def facts(recording: Recording) -> dict[str, Json]:
    """A recording as a JSON object. Its link stays out, since whoever has it can fetch the audio."""
    fields: dict[str, Any] = asdict(recording) | {"readiness": recording.readiness.value}
    del fields["link"]
    return fields | {"recorded_at": _text(recording.recorded_at)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def get(provider: Provider, recording_id: str, to: Path | None) -> Mapping[str, Json]:
    """The provider's facts about one recording; its audio too, into the new file `to`."""
    recording = provider.describe(recording_id)
    if to is not None:
        with provider.open(recording) as opened, to.open("xb") as file:
            try:
                for chunk in opened.body.chunks():
                    file.write(chunk)
            except BaseException:
                to.unlink()  # half a recording looks like a whole one
                raise
    return facts(recording)


def delete(provider: Provider, recording_ids: Sequence[str], ask: Callable[[str], str] | None) -> Iterator[str]:
    """Deletes at the provider, in one request where it has one. `ask` puts the question to answer with the id."""
    what = provider.declaration.deletes
    if what is None:
        raise Misconfigured(f"{provider.declaration.title} has no way to delete a recording")
    object_ = "every recording of the call of" if what == "call" else "recording"
    wanted: list[str] = []
    for id_ in recording_ids:
        question = (
            f"This deletes {object_} {id_} at {provider.declaration.title} for good, archived or not. Type the id: "
        )
        if ask is not None and ask(question).strip() != id_:
            yield f"{id_}: left as it is"
        else:
            wanted.append(id_)
    if len(wanted) > 1 and provider.declaration.deletes_many:
        yield provider.delete_many(wanted)
        return
    for id_ in wanted:
        yield provider.delete(Recording(id=id_)) or f"deleted {id_}"


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


# the command line


def run(connection: Connection, options: Any) -> int:
    """One operation, its answer on standard output; the exit code. Raises Misconfigured."""
    provider = connect(connection)
    try:
        for line in _lines(provider, options):
            print(line)
    except (Outcome, FileExistsError) as problem:
        print(f"{connection.source}: {problem}", file=sys.stderr)
        return NOT_DONE
    return DONE


def _lines(provider: Provider, options: Any) -> Iterator[str]:
    if options.operation == "list":
        end = options.to or datetime.now(UTC)
        start = options.since or end - timedelta(days=1)
        yield from (json.dumps(each, ensure_ascii=False) for each in list_recordings(provider, start, end))
    elif options.operation == "get":
        yield json.dumps(get(provider, options.id, options.audio), ensure_ascii=False, indent=2)
    elif options.operation == "delete":
        yield from delete(provider, options.ids, None if options.yes else input)
    elif options.operation == "annotate":
        yield annotate(provider, options.id, options.notes)
    else:
        yield upload(provider, kind=options.type, target_id=options.id, path=options.path)
