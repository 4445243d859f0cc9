"""Zoom Phone: the call recordings of an account, listed by the end of the call.

Statements without another source are from Zoom's own API description and its guides for developers.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from functions.archiver.errors import (
    CursorRefused,
    NotFound,
    NotReady,
    Outcome,
    Rejected,
    Throttled,
    Unauthorized,
)
from functions.archiver.http.auth import TokenAuth, basic
from functions.archiver.http.client import Answer, Body, Http, Of, Value, segment
from functions.archiver.http.statuses import problem
from functions.archiver.http.url_paths import origin_of
from functions.archiver.http.waits import requested_wait
from functions.archiver.provider.declaration import Declaration, LimitHeaders, Option, Purpose
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, Said, id_from
from functions.archiver.provider.json_values import (
    count_of,
    cursor_of,
    id_of,
    items_of,
    link_of,
    mapping_of,
    moment_of,
    number_of,
    text_of,
    unread,
    without,
    written,
)
from functions.archiver.provider.looking_back import rows_around, rows_looking_back
from functions.archiver.provider.oauth import REFUSED, token_of
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Json, Page, Readiness, Recording, Transcript, TranscriptState, Window
from functions.archiver.secret import Secret

LIST = "/v2/phone/recordings"
DOWNLOAD = "/v2/phone/recording/download/"
TRANSCRIPT = "/v2/phone/recording_transcript/download/"

_STALE_AFTER = timedelta(hours=1)
_LOOK_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=27))
_TRANSCRIPT_WITHIN = timedelta(days=1)
_AS_IT_STANDS = "%!$&'()*+,;=:@"
_COMPLETED = ("phone.recording_completed", "phone.recording_completed_for_access_member")
_NO_SUCH_FILE, _TRANSCRIPT_PENDING, _TRANSCRIPT_DISABLED = 404, 12002, 12001

_Row = Mapping[str, Json]


class Zoom(Provider):
    """The Zoom Phone API of one account."""

    declaration = Declaration(
        title="Zoom Phone",
        default_base_url="https://api.zoom.us",
        secret_fields=(("account_id", "client_id", "client_secret"),),
        public_fields=("account_id", "client_id"),
        options=(
            Option(
                name="token_url",
                help="where tokens are asked for, with the client's secret",
                kind="origin",
                default="https://{domain}",
                purpose="token",
            ),
            Option(
                name="media_url",
                help="where links to audio lead to and the token may go, beside base_url",
                kind="origin",
                default="https://{domain}",
                purpose="media",
            ),
        ),
        rate_default=300,  # half of what the smallest plan allows its apps together: 10 a second of this category
        limit_headers=LimitHeaders(
            wait=("Retry-After", "X-RateLimit-Reset"),  # on the daily limit the first is an ISO 8601 time
            remaining=("X-RateLimit-Remaining",),
        ),
        parallel_default=4,
        overlap_minimum=timedelta(hours=24),  # some recordings take a day to be processed (a developer's notes)
        page_size=300,
        filter_clock="end",
        cursor_life=timedelta(minutes=15),
        max_window=timedelta(days=27),  # a month at most, whichever month it is
        transcripts=True,
        deletes="file",
        webhook=("signature",),
        webhook_setup=(
            "In the app's features at Zoom, put its secret token into the secret as webhook_secret, add an event "
            "subscription for phone.recording_completed with {url} as its endpoint, and validate it there"
        ),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        self._auth = TokenAuth(self._token, share=account.share_token, header="Authorization", scheme="Bearer")
        self._media_origin = origin_of(self.declaration.origins(account.options).get("media", account.base_url))

    def page(self, window: Window, cursor: str | None) -> Page:
        """By the end of calls. A row counts as well when its start is in the window, in case that the server goes by
        that; so none is lost between two windows, whichever of the two it is.
        """
        document, rows = self._list("list", window, cursor, of="source")
        read = list(map(self._read, rows))
        return Page(
            recordings=[each for each in read if each and _is_within(each, window)],
            rows=len(rows),
            next_cursor=cursor_of(document.get("next_page_token")),
            total=count_of(document.get("total_records")),
            problem=unread(read, "id or date"),
        )

    def _list(self, kind: str, window: Window, cursor: str | None, *, of: Of) -> tuple[_Row, Sequence[_Row]]:
        """Whether the ends are inclusive is not documented: a second is added to the last one."""
        params: dict[str, Value | None] = {
            "from": f"{window.start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{window.end.astimezone(UTC) + timedelta(seconds=1.999999):%Y-%m-%dT%H:%M:%SZ}",
            "query_date_type": "end_time",
            "page_size": self.declaration.page_size,
            "next_page_token": cursor,  # which is only good with the same filters
        }
        dead = (300, 400, 404) if cursor and of == "source" else ()
        refused = (403,) if of == "source" else (400, 403)
        answer = self.http.call(kind, "GET", LIST, of=of, params=params, auth=self._auth, handles=(*dead, *refused))
        if answer.status in dead:
            raise CursorRefused("the page's token is no longer taken")
        if answer.status in refused:
            raise self._refusal(answer)
        document = mapping_of(answer.json())
        if not isinstance(rows := document.get("recordings"), list):
            raise problem(of, "the list of recordings came without recordings")
        return document, list(map(mapping_of, rows))

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By the id of the file; where none is known, or Zoom no longer has that one, as the list names it now.

        Not verified live: whether the id of a recording's file ever changes.
        """
        told, facts = None, recording.raw
        with ExitStack() as stack:
            try:
                if not text_of(facts.get("file_id")):
                    raise NotFound("the id of its file is not known")
                body = self._enter_either(stack, facts)
            except NotFound as missing:
                told, body = self._listed_file(stack, recording, missing)
            yield Opened(body=body, recording=told, transcript=_transcript_of(told.raw if told else facts))

    def _listed_file(self, stack: ExitStack, recording: Recording, missing: NotFound) -> tuple[Recording | None, Body]:
        """By the recording's row of this moment. Raises `missing` where that says nothing new of the file."""
        row = self._row_of(recording)
        link = link_of(row.get("download_url"))
        if link is None:
            raise NotReady("it has no link to its audio yet")
        told, file_id = self._read(row), _file_id(link)
        if told is None or file_id is None:
            return told, self._enter(stack, link, "media")
        if file_id == recording.raw.get("file_id"):
            raise missing
        return told, self._enter_either(stack, told.raw)

    def _enter_either(self, stack: ExitStack, facts: _Row) -> Body:
        """At the origin where its link leads, then at the other. Not verified live: whether both serve each file."""
        target = f"{DOWNLOAD}{quote(str(facts['file_id']), safe=_AS_IT_STANDS)}"
        first: Purpose | None = "media" if facts.get("file_at") == "media" else None
        if self._media_origin != origin_of(self.account.base_url):
            with suppress(NotFound):
                return self._enter(stack, target, first)
            first = None if first else "media"
        return self._enter(stack, target, first)

    def _enter(self, stack: ExitStack, target: str, at: Purpose | None) -> Body:
        """A redirect leads to the file itself; it gets no token."""
        media = self.http.stream("media", target, auth=self._auth, at=at, handles=(400, 403))
        body = stack.enter_context(media)
        if body.status in (400, 403):
            raise self._refusal(body.answer())
        return body

    def describe(self, recording_id: str) -> Recording:
        """There is no look-up by id: the list of the last hours is searched, then that of the last weeks."""
        if found := self._read(self._row_of(Recording(id=recording_id))):
            return found
        raise Rejected("its row has no usable date")

    def _row_of(self, recording: Recording) -> _Row:
        """Searched for around its call, or where that is not known, in the last weeks."""
        start, end = recording.recorded_at, _end_of(recording.raw)
        around = rows_around(self._rows, start, end or start) if start else None
        for row in around or rows_looking_back(self._rows, *_LOOK_BACK):
            if id_of(row.get("id")) == recording.id:
                return row
        raise NotFound("no listed recording has this id")

    def _rows(self, window: Window, cursor: str | None) -> tuple[Sequence[_Row], str | None]:
        document, rows = self._list("lookup", window, cursor, of="recording")
        return rows, cursor_of(document.get("next_page_token"))

    def transcript(self, recording: Recording) -> Transcript:
        """The timeline's texts, each behind the name of who says it. While it is made, a code says so."""
        target = f"{TRANSCRIPT}{segment(recording.id)}"
        answer = self.http.call("transcript", "GET", target, of="recording", auth=self._auth, handles=(400, 403, 404))
        if answer.status != 200:
            return self._no_transcript(answer)
        timeline = mapping_of(answer.json()).get("timeline")
        if not isinstance(timeline, list):
            raise Rejected("the transcript came without a timeline")
        return Transcript(state=TranscriptState.COMPLETED, text="\n".join(map(_line_of, map(mapping_of, timeline))))

    def _no_transcript(self, answer: Answer) -> Transcript:
        code = number_of(answer.document().get("code"))
        if answer.status == 400 and code == _TRANSCRIPT_PENDING:
            return Transcript(state=TranscriptState.PENDING)
        if answer.status == 403 and isinstance(refusal := self._refusal(answer), Throttled):
            raise refusal
        none = answer.status == 404 or code in (_NO_SUCH_FILE, _TRANSCRIPT_DISABLED)
        return Transcript(state=TranscriptState.NONE if none else TranscriptState.FAILED)

    def delete(self, recording: Recording) -> str:
        """One by one: several at a time for one user are refused."""
        target = f"{LIST}/{segment(recording.id)}"
        answer = self.http.call("delete", "DELETE", target, of="recording", auth=self._auth, handles=(400, 403))
        if answer.status in (400, 403):
            raise self._refusal(answer)
        answer.done()
        return f"deleted recording {recording.id}; an administrator may still find it in Zoom's trash"

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Said:
        """Signed with the app's secret token, over a timestamp and the raw body. A validation asks for a digest."""
        stamp, given = (delivery.headers.get(f"x-zm-{name}", "") for name in ("request-timestamp", "signature"))
        message = b"v0:" + stamp.encode("utf-8", "replace") + b":" + delivery.body
        signed = {f"v0={_digest(secret, message)}": secret for secret in secrets if secret.reveal()}
        delivery.verify([given], signed)
        age = delivery.received_at.timestamp() - (float(stamp) if stamp.isdecimal() and len(stamp) < 12 else 0.0)
        if abs(age) > _STALE_AFTER.total_seconds():
            return Ignored(reason="the event is stale")
        event = delivery.json()
        payload = mapping_of(event.get("payload"))
        if event.get("event") == "endpoint.url_validation":
            plain = id_from(payload.get("plainToken"))
            digest = _digest(signed[given], plain.encode("utf-8", "replace"))
            return Reply(body=json.dumps({"plainToken": plain, "encryptedToken": digest}))
        if event.get("event") not in _COMPLETED:
            return Ignored(reason="the event is about no recording that was completed")
        rows = items_of(mapping_of(payload.get("object")).get("recordings"))
        return [Hint(recording_id=id_from(mapping_of(row).get("id")), ready=True) for row in rows]

    def _token(self) -> tuple[Json, float]:
        """A token of the server-to-server kind. The region's host that the answer may name gets no credentials."""
        secret = self.account.credentials
        answer = self.http.call(
            "token",
            "POST",
            "/oauth/token",
            form={"grant_type": "account_credentials", "account_id": secret["account_id"]},
            headers=basic(secret["client_id"], secret["client_secret"]),
            handles=(REFUSED,),
            at="token",
        )
        return token_of(answer)

    def _refusal(self, answer: Answer) -> Outcome:
        """The meaning of a 400 or a 403: a code says that a file is missing; 403 is said to mean *too fast* as well."""
        document = answer.document()
        message = self.http.quotable(text_of(document.get("message")) or "no message")
        reason = f"the {answer.kind} request was answered with {answer.status}: {message}"
        wait = requested_wait(answer.headers, self.declaration.limit_headers)
        if answer.status == 403 and (wait is not None or "rate limit" in message.lower()):
            return Throttled(reason, retry_after=wait)
        if answer.status == 403 and answer.of == "source":
            return Unauthorized(reason)
        return NotFound(reason) if number_of(document.get("code")) == _NO_SUCH_FILE else Rejected(reason)

    def _read(self, row: _Row) -> Recording | None:
        """One row as a recording; None when it has no id or no date. A row has no state: it is there when ready."""
        id_, start = id_of(row.get("id")), moment_of(row.get("date_time"))
        if not id_ or start is None:
            return None
        link, owner = link_of(row.get("download_url")), mapping_of(row.get("owner"))
        return Recording(
            id=id_,
            readiness=Readiness.READY if link else Readiness.NOT_READY,
            note=None if link else "Zoom lists it without a link",
            call_id=id_of(row.get("call_id")),
            recorded_at=start,
            recorded_at_raw=written(row.get("date_time")),
            duration_seconds=number_of(row.get("duration")),
            direction=text_of(row.get("direction")),
            from_number=id_of(row.get("caller_number")),
            to_number=id_of(row.get("callee_number")),
            agent=text_of(owner.get("name")) if owner.get("type") == "user" else None,
            raw={
                **without(row, "download_url", "transcript_download_url"),
                "file_id": _file_id(link or ""),
                "file_at": "media" if origin_of(link or "") == self._media_origin else "api",
                "transcript_listed": bool(row.get("transcript_download_url")),
            },
        )


def _file_id(link: str) -> str | None:
    """The id in a link of the documented form, as it stands there, which is not the recording's; None for others."""
    with suppress(ValueError):
        start, found, rest = urlsplit(link).path.partition(DOWNLOAD)
        return text_of(rest) if found and not start and "/" not in rest else None
    return None


def _end_of(facts: _Row) -> datetime | None:
    start, seconds = moment_of(facts.get("date_time")), number_of(facts.get("duration")) or 0.0
    return moment_of(facts.get("end_time")) or (start and start + timedelta(seconds=min(abs(seconds), 10**6)))


def _is_within(recording: Recording, window: Window) -> bool:
    moments = (recording.recorded_at, _end_of(recording.raw))
    return any(moment is not None and window.start <= moment <= window.end for moment in moments)


def _transcript_of(facts: _Row) -> Transcript:
    """A transcript may still come for a call that has just ended; later a row says whether it has one."""
    ended = _end_of(facts)
    recent = ended is not None and datetime.now(UTC) - ended < _TRANSCRIPT_WITHIN
    expected = facts.get("transcript_listed") is True or recent
    return Transcript(state=TranscriptState.PENDING if expected else TranscriptState.NONE)


def _line_of(part: _Row) -> str:
    names = [text_of(mapping_of(user).get("username")) for user in items_of(part.get("users"))]
    speaker, text = ", ".join(filter(None, names)), str(part.get("text") or "")
    return f"{speaker}: {text}" if speaker else text


def _digest(secret: Secret, message: bytes) -> str:
    return hmac.digest(secret.reveal().encode(), message, "sha256").hex()
