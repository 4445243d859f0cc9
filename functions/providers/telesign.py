"""TeleSign: recordings of voice calls, several files to a call where recording was stopped and started again.

The listing tells calls and files; a file's audio lies behind a signed link that asking by call id brings.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, timedelta

from functions.archiver.errors import CursorRefused, Gone, NotFound, NotReady, Rejected, Unauthorized, Unavailable
from functions.archiver.http.auth import StaticAuth, basic
from functions.archiver.http.client import Answer, Body, Http, Of, Value, segment
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.delivery import Delivery, Hint, id_from
from functions.archiver.provider.json_values import (
    cursor_of,
    id_of,
    items_of,
    mapping_of,
    moment_of,
    number_of,
    text_of,
    unread,
    without,
    written,
)
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Call, Json, Page, Readiness, Recording, Transcript, TranscriptState, Window
from functions.archiver.secret import Secret

LIST = "/v2/call_recording"

_Row = Mapping[str, Json]
_Params = Mapping[str, Value] | None
_REFUSALS = (400, 403, 404)
_OF_THE_ACCOUNT = frozenset({*range(-30015, -29999), -20002, -10009, -40006})
"""Error codes: credentials, product not enabled, address or host not allowed (codes page)."""


class TeleSign(Provider):
    """The call recording API of one TeleSign account."""

    declaration = Declaration(
        title="TeleSign",
        default_base_url="https://rest-ww.telesign.com",
        domains=("telesign.com",),
        secret_fields=(("customer_id", "api_key"),),
        public_fields=("customer_id",),
        rate_default=60,  # there are limits, and no figure is published
        parallel_default=2,
        overlap_minimum=timedelta(hours=24),
        transcripts=True,
        deletes="call",
        webhook=("signature",),
        webhook_setup=(
            "Ask TeleSign's support to send the events of your voice calls to {url}; it signs them with your API key"
        ),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        # The guide's own sample of the header shows another scheme's value.
        self._auth = StaticAuth(basic(account.credentials["customer_id"], account.credentials["api_key"]))

    def page(self, window: Window, cursor: str | None) -> Page:
        """A later page takes the token alone: together with dates it is refused (reference page)."""
        first = window.start.astimezone(UTC).replace(microsecond=0)
        end = (window.end.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
        params: dict[str, Value] = {
            "start_date_time": f"{first:%Y-%m-%dT%H:%M:%S}",
            "end_date_time": f"{end:%Y-%m-%dT%H:%M:%S}",
            "pagesize": self.declaration.page_size,
        }
        answer = self._ask("list", "GET", LIST, params={"token": cursor} if cursor else params)
        rows = (document := mapping_of(answer.json())).get("call_recordings")
        if not isinstance(rows, list):
            raise Unavailable("the list of recordings came without call_recordings")
        read = list(map(_read, rows))
        # Applied here again, in case that the server does not.
        inside = [f for f in read if f and f.recorded_at and first <= f.recorded_at < end + timedelta(seconds=1)]
        return Page(
            recordings=[fact for fact in inside if isinstance(fact, Recording)],
            calls=[fact for fact in inside if isinstance(fact, Call)],
            rows=len(rows),
            next_cursor=cursor_of(document.get("token")),
            problem=unread(read, "id or date"),
        )

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By a signed link, resolved right before: it lives for about an hour (by the guide's sample, unverified)."""
        with ExitStack() as stack:
            body, row, rows = self._enter(stack, recording)
            files = [fact for fact in map(_read, rows) if isinstance(fact, Recording)]
            fresh = next((file for file in files if file.id == recording.id), None)
            siblings = [file for file in files if file.id != recording.id]
            yield Opened(body=body, recording=fresh, siblings=siblings, transcript=_transcript(row))

    def _enter(self, stack: ExitStack, recording: Recording) -> tuple[Body, _Row, Sequence[_Row]]:
        for _ in range(2):
            rows = self._rows_of(_call_of(recording))
            row = _row_of(recording, rows)
            link = _link(row)
            try:
                body = stack.enter_context(self.http.stream("media", link, handles=(403,)))
            except NotFound as missing:
                # The API has just listed the file as available, so this does not say that it was deleted.
                raise Rejected(missing.reason) from None
            if body.status != 403:
                return body, row, rows
        raise Rejected("the signed link was refused with 403 twice")

    def describe(self, recording_id: str) -> Recording:
        """By the file's name, which begins with the id of its call (all samples of the guide)."""
        for file in self.look_up(_call_of(Recording(id=recording_id))):
            if file.id == recording_id:
                return file
        raise NotFound("the call has no such file")

    def look_up(self, call_id: str) -> Sequence[Recording]:
        """All files of a call. Raises NotReady while it is being recorded and none of them has a name."""
        rows = self._rows_of(call_id)
        files = [fact for fact in map(_read, rows) if isinstance(fact, Recording)]
        if not files and any(_readiness(row)[0] is not Readiness.GONE for row in rows):
            raise NotReady("the call has no file yet")
        return files

    def transcript(self, recording: Recording) -> Transcript:
        """Asked by call id; it may be completed some seconds after the audio (guide)."""
        return _transcript(_row_of(recording, self._rows_of(_call_of(recording))))

    def delete(self, recording: Recording) -> str:
        """Deletes every file of the call: there is no request for a single one (reference page)."""
        call_id = _call_of(recording)
        answer = self._ask("delete", "DELETE", f"{LIST}/{segment(call_id)}", handles=(503,))
        if answer.status != 503:
            answer.done()
            return f"deleted all recordings of call {call_id}"
        # Here a 503 tells which files went and which stayed (reference page).
        gone, kept = (len(items_of(answer.document().get(name))) for name in ("succeed_delete", "failed_delete"))
        if not gone and not kept:
            raise Unavailable("the delete request was answered with 503")
        raise Rejected(f"TeleSign deleted {gone} files of the call and failed to delete {kept}")

    def deleted_with(self, recording: Recording) -> str:
        """Its call, which the file's name tells as well."""
        return _call_of(recording)

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint:
        """Signed with an API key over the raw body. None tells that a recording is ready (events page)."""
        customer, api_key = self.account.credentials["customer_id"].reveal(), self.account.credentials["api_key"]
        signatures = filter(None, (_signature(key, delivery.body) for key in (api_key, *secrets)))
        given = (delivery.headers.get(name, "") for name in ("authorization", "x-ts-authorization"))
        delivery.verify(given, (f"TSA {customer}:{signature}" for signature in signatures))
        event = delivery.json()
        return Hint(call_id=id_from(event.get("reference_id", mapping_of(event.get("data")).get("reference_id"))))

    def _rows_of(self, call_id: str) -> Sequence[_Row]:
        """The API's answer about a call: an array with a row for each file."""
        document = self._ask("lookup", "GET", f"{LIST}/{segment(call_id)}").json()
        if not isinstance(document, list):
            raise Rejected("the call was described by something else than an array")
        rows = [row for row in map(mapping_of, document) if id_of(row.get("reference_id")) == call_id]
        if not rows:
            raise Rejected("another call was described") if document else NotFound("the call has no recordings")
        return rows

    def _ask(self, kind: str, method: str, path: str, params: _Params = None, handles: tuple[int, ...] = ()) -> Answer:
        of: Of = "source" if path == LIST else "recording"
        headers = {"Content-Type": "application/json"}  # required even of a GET (reference page)
        answer = self.http.call(
            kind, method, path, of=of, params=params, headers=headers, auth=self._auth, handles=(*_REFUSALS, *handles)
        )
        if answer.status not in _REFUSALS:
            return answer
        reason = f"the {kind} request was answered with {answer.status}"
        # One code is in `status`, others are in `errors` (codes page).
        told = (answer.document().get("status"), *items_of(answer.document().get("errors")))
        codes = {number_of(mapping_of(each).get("code")) for each in told}
        if codes & _OF_THE_ACCOUNT or (of == "source" and answer.status == 403):
            raise Unauthorized(reason)
        if of == "source":
            raise CursorRefused(reason) if params and "token" in params else Unavailable(reason)
        raise NotFound(reason) if answer.status == 404 else Rejected(reason)


def _call_of(recording: Recording) -> str:
    return recording.call_id or recording.id.rpartition("_")[0] or recording.id.partition(".")[0]


def _row_of(recording: Recording, rows: Sequence[_Row]) -> _Row:
    for row in rows:
        if row.get("file_name") == recording.id:
            return row
    raise NotFound("the call has no such file")


def _link(row: _Row) -> str:
    readiness, note = _readiness(row)
    if readiness in (Readiness.GONE, Readiness.BROKEN):
        raise Gone(note) if readiness is Readiness.GONE else Rejected(note)
    url = row.get("url")
    if readiness is not Readiness.READY or not isinstance(url, str) or not url:
        raise NotReady(note or "it has no link yet")
    return url


def _read(value: Json) -> Recording | Call | None:
    """One row as a file, or as a call that has none yet; None when an id or the date is missing or not usable."""
    row = mapping_of(value)
    file_name, call_id, date = text_of(row.get("file_name")), id_of(row.get("reference_id")), row.get("date")
    moment = moment_of(date)
    if not call_id or not moment or (row.get("file_name") and not file_name):
        return None
    if not file_name:
        return Call(call_id=call_id, recorded_at=moment)
    readiness, note = _readiness(row)
    # The file's name comes from the row: a link may name another file (guide's sample).
    return Recording(
        id=file_name,
        readiness=readiness,
        note=note,
        call_id=call_id,
        recorded_at=moment,
        recorded_at_raw=written(date),
        raw=without(row, "url", "transcribe"),
    )


def _readiness(row: _Row) -> tuple[Readiness, str | None]:
    status = text_of(row.get("status")) or "nothing"  # `failed` is a guess; what is not known may become available
    readiness = {"available": Readiness.READY, "deleted": Readiness.GONE, "failed": Readiness.BROKEN}.get(status)
    return readiness or Readiness.NOT_READY, None if readiness is Readiness.READY else f"TeleSign says {status} of it"


def _transcript(row: _Row) -> Transcript:
    """Its parts as one text: completed when all of them are."""
    transcribe = mapping_of(row.get("transcribe"))
    if not transcribe:
        return Transcript(state=TranscriptState.NONE)
    language = text_of(transcribe.get("language_code"))
    parts = [mapping_of(part) for part in items_of(transcribe.get("transcription"))]
    states = {part.get("status") for part in parts if isinstance(part.get("status"), str)}
    if parts and states == {"completed"}:
        text = "\n".join(str(part.get("result") or "") for part in parts)
        return Transcript(state=TranscriptState.COMPLETED, text=text, language=language)
    is_over = states <= {"completed", "failed"} and "failed" in states
    return Transcript(state=TranscriptState.FAILED if is_over else TranscriptState.PENDING, language=language)


def _signature(key: Secret, body: bytes) -> str | None:
    """HMAC-SHA256 under the decoded API key; None for a key that is none (callbacks page)."""
    with suppress(ValueError):
        if secret := b64decode(key.reveal()):
            return b64encode(hmac.digest(secret, body, "sha256")).decode()
    return None
