"""babelforce: recordings of queue and click-to-call calls. The dialer's come as archives outside of this API.

Audio is to be fetched one at a time and spaced out, or the account's whole API access may be blocked (help article).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from urllib.parse import quote

from functions.archiver.errors import Gone, NotFound, NotReady, Rejected, Unauthorized, Unavailable
from functions.archiver.http import Auth, Body, Http, Value
from functions.archiver.provider import Account, Declaration, Opened, Provider
from functions.archiver.reading import mapping_of, moment_of, number_of, text_of
from functions.archiver.recording import Json, Page, Readiness, Recording, Window

LIST = "/api/v2/recordings"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_RENEW_BEFORE_SECONDS = 60.0


class Babelforce(Provider):
    """The v2 API of one babelforce account."""

    declaration = Declaration(
        title="babelforce",
        default_base_url="https://services.babelforce.com",
        domains=("babelforce.com",),
        secret_fields=(("client_id", "client_secret"), ("access_id", "access_token")),
        public_fields=("client_id", "access_id"),
        rate_default=30,  # no number is published; the help article asks to space requests out
        parallel_default=1,
        overlap_minimum=timedelta(hours=24),
        retention=timedelta(days=30),  # of dialer recordings, the shortest; others are kept for six months
        reports_size=True,
        webhook=("secret",),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        by_oauth = "client_id" in account.credentials
        self._auth: Auth = _OAuth(http, account) if by_oauth else _HeaderPair(account)

    def page(self, window: Window, cursor: str | None) -> Page:
        """Pages are counted from 1 on this side: the number in the answer is not reliable (official SDK).

        The cursor is the page's number and how many rows came before it, because a server may send shorter pages than
        it was asked for.
        """
        number, before = (int(part) for part in (cursor or "1:0").split(":"))
        first, end = int(window.start.timestamp()), -int(-window.end.timestamp() // 1)
        params = {
            "filters.time.start": str(first),
            "filters.time.end": str(end),
            "max": str(self.declaration.page_size),
            "page": str(number),
        }
        answer = self.http.call("list", "GET", LIST, params=params, auth=self._auth)
        document = _object(answer.json())
        rows = document.get("items")
        if not isinstance(rows, list) or document.get("success") is False:
            raise Unavailable("the list of recordings came without items")
        read = [recording for recording in map(_read, rows) if recording]
        # The filters stand in a help article only and may be ignored, so they are applied here again.
        inside = [r for r in read if r.recorded_at and first <= r.recorded_at.timestamp() < end + 1]
        unread = len(rows) - len(read)
        return Page(
            recordings=inside,
            rows=len(rows),
            next_cursor=f"{number + 1}:{before + len(rows)}"
            if rows and not _is_all(document, before + len(rows))
            else None,
            # Rows that expire meanwhile move the others up: a later run begins a page earlier.
            resume_cursor=f"{number}:{before}",
            total=_total(document),
            problem=f"{unread} rows have no usable id or date" if unread else None,
        )

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By the item's own link, which needs no credentials; resolved by id when it is unknown or fails."""
        with ExitStack() as stack:
            body, fresh = self._enter(stack, recording)
            yield Opened(body=body, recording=fresh)

    def _enter(self, stack: ExitStack, recording: Recording) -> tuple[Body, Recording | None]:
        if recording.link:
            with suppress(NotFound, Gone, Rejected, Unauthorized):
                return stack.enter_context(self.http.stream("media", recording.link)), None
        fresh = self.describe(recording.id)
        if fresh.readiness is Readiness.GONE:
            raise Gone(fresh.note or "deleted")
        if fresh.readiness is Readiness.BROKEN:
            raise Rejected(fresh.note or "broken")
        if fresh.readiness is Readiness.NOT_READY or not fresh.link:
            raise NotReady(fresh.note or "it has no link yet")
        return stack.enter_context(self.http.stream("media", fresh.link)), fresh

    def retention(self) -> timedelta | None:
        """The account's own period for recordings, in days; which key holds it is a guess, not verified live."""
        answer = self.http.call(
            "settings", "GET", "/api/v2/settings/retention/periods", auth=self._auth, handles=(403, 404)
        )
        if answer.status != 200:
            return self.declaration.retention
        item = mapping_of(_object(answer.json()).get("item"))
        periods = mapping_of(item.get("data")) or item
        days = [value for key, value in periods.items() if "recording" in key.lower() and isinstance(value, int)]
        return timedelta(days=min(days)) if days and min(days) > 0 else self.declaration.retention

    def describe(self, recording_id: str) -> Recording:
        """By id, without hyphens: with them the API answers 404 (official SDK)."""
        path = f"{LIST}/{quote(canonical_id(recording_id), safe='')}"
        answer = self.http.call("lookup", "GET", path, of="recording", auth=self._auth)
        document = _object(answer.json())
        recording = _read(document.get("item", document))
        if recording is None or recording.id != canonical_id(recording_id):
            raise Rejected("the provider described another recording than was asked for")
        return recording


def canonical_id(text: str) -> str:
    """The id as the API lists it: 32 hex digits, also where a UUID with hyphens was given."""
    return text.replace("-", "").lower() if _UUID.fullmatch(text) else text


def _read(row: Json) -> Recording | None:
    """One row as a recording; None when it has no id or no date."""
    if not isinstance(row, Mapping):
        return None
    id_, created = text_of(row.get("id")), moment_of(row.get("dateCreated"))
    if not id_ or created is None:
        return None
    file, call, agent = mapping_of(row.get("file")), mapping_of(row.get("call")), mapping_of(row.get("agent"))
    readiness, note = _readiness(text_of(row.get("state")), text_of(file.get("state")))
    duration, size = number_of(row.get("duration")), number_of(file.get("size"))
    return Recording(
        id=canonical_id(id_),
        readiness=readiness,
        note=note,
        call_id=text_of(call.get("id")),
        recorded_at=created,
        recorded_at_raw=text_of(row.get("dateCreated")),
        # Milliseconds: the help article's sample fits no other unit, whatever the API description says.
        duration_seconds=None if duration is None else duration / 1000,
        direction=text_of(call.get("type")),
        from_number=text_of(call.get("from")),
        to_number=text_of(call.get("to")),
        agent=text_of(agent.get("name")) or text_of(agent.get("id")),
        size_bytes=int(size) if size else None,
        content_type=text_of(file.get("contentType")),
        link=text_of(row.get("url")),
        raw={name: value for name, value in row.items() if name != "url"},
    )


def _readiness(state: str | None, file_state: str | None) -> tuple[Readiness, str | None]:
    """Two states, both of which have to be `stored` (API description)."""
    states = (state, file_state)
    note = f"babelforce says {state or 'nothing'} of the recording and {file_state or 'nothing'} of its file"
    if states == ("stored", "stored"):
        return Readiness.READY, None
    if "deleted" in states:
        return Readiness.GONE, note
    if set(states) & {"failed", "missing"}:
        return Readiness.BROKEN, note
    return Readiness.NOT_READY, note


class _OAuth:
    """Client credentials, exchanged for a token that is kept until shortly before it expires."""

    def __init__(self, http: Http, account: Account) -> None:
        self._http = http
        self._credentials = account.credentials
        self._token: str | None = None
        self._expires = 0.0

    def headers(self) -> Mapping[str, str]:
        """Fetches a token if there is none, or none that lasts."""
        if self._token is None or time.monotonic() > self._expires:
            self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Drops the token, so that the repeated request fetches another."""
        self._token = None
        return True

    def _fetch(self) -> None:
        form: dict[str, Value] = {"grant_type": "client_credentials"}
        form |= self._credentials
        answer = self._http.call("token", "POST", "/oauth/token", form=form, handles=(400,))
        if answer.status == 400:  # how OAuth refuses a client
            raise Unauthorized("the token request was refused")
        document = _object(answer.json())
        token, seconds = document.get("access_token"), document.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unauthorized("the token request was answered without a token")
        life = float(seconds) if isinstance(seconds, (int, float)) else 600.0
        self._token = token
        self._expires = time.monotonic() + max(life - _RENEW_BEFORE_SECONDS, life / 2)


class _HeaderPair:
    """The older pair of headers, which newer accounts no longer take (official SDK's changelog)."""

    def __init__(self, account: Account) -> None:
        self._credentials = account.credentials

    def headers(self) -> Mapping[str, str]:
        """The pair as it is."""
        return {
            "X-Auth-Access-ID": self._credentials["access_id"].reveal(),
            "X-Auth-Access-Token": self._credentials["access_token"].reveal(),
        }

    def renew(self) -> bool:
        """There is nothing to renew."""
        return False


def _object(document: Json) -> Mapping[str, Json]:
    if not isinstance(document, Mapping):
        raise Unavailable("babelforce answered something else than a JSON object")
    return document


def _total(document: Mapping[str, Json]) -> int | None:
    total = mapping_of(document.get("pagination")).get("total")
    return total if isinstance(total, int) and total >= 0 else None


def _is_all(document: Mapping[str, Json], rows: int) -> bool:
    """Whether so many rows are as many as the server counts. Where it counts none, only an empty page is the last."""
    total = _total(document)
    return total is not None and rows >= total
