"""babelforce: recordings of queue and click-to-call calls. The dialer's come as archives outside of this API.

Audio is to be fetched one at a time and spaced out, or the account's whole API access may be blocked (help article).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

from functions.archiver.errors import Gone, NotFound, NotReady, Rejected, Unauthorized, Unavailable
from functions.archiver.http.auth import StaticAuth, TokenAuth
from functions.archiver.http.client import Answer, Auth, Body, Http, Value, segment
from functions.archiver.provider.declaration import Declaration, Option
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, id_from
from functions.archiver.provider.json_values import (
    count_of,
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
from functions.archiver.provider.provider import Account, Opened, Provider
from functions.archiver.recording import Json, Page, Readiness, Recording, Window
from functions.archiver.secret import Secret

LIST = "/api/v2/recordings"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Babelforce(Provider):
    """The v2 API of one babelforce account."""

    declaration = Declaration(
        title="babelforce",
        default_base_url="https://services.babelforce.com",
        domains=("babelforce.com",),
        secret_fields=(("client_id", "client_secret"), ("access_id", "access_token")),
        public_fields=("client_id", "access_id"),
        options=(
            Option(
                name="archive_pattern",
                help="a regular expression with the groups id and date, searched for in the names of dialer archives",
            ),
        ),
        rate_default=30,  # no number is published; the help article asks to space requests out
        parallel_default=1,
        overlap_minimum=timedelta(hours=24),
        retention=timedelta(days=30),  # of dialer recordings, the shortest; others are kept for six months
        reports_size=True,
        deletes="file",
        deletes_many=True,
        annotates=True,
        webhook=("secret",),
        webhook_setup=(
            "In babelforce's manager, make a global automation on the event that a recording is finished, with an HTTP "
            "action that sends a POST to {url}, the header x-webhook-secret and the recording's id as recording_id"
        ),
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        self._auth: Auth = TokenAuth(self._token, share=account.share_token, header="Authorization", scheme="Bearer")
        if "access_id" in account.credentials:
            # The older pair of headers, which newer accounts no longer take (official SDK's changelog).
            id_, token = account.credentials["access_id"], account.credentials["access_token"]
            self._auth = StaticAuth({"X-Auth-Access-ID": id_.reveal(), "X-Auth-Access-Token": token.reveal()})

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
        read = list(map(_read, rows))
        # The filters stand in a help article only and may be ignored, so they are applied here again.
        inside = [r for r in read if r and r.recorded_at and first <= r.recorded_at.timestamp() < end + 1]
        return Page(
            recordings=inside,
            rows=len(rows),
            next_cursor=f"{number + 1}:{before + len(rows)}" if self._goes_on(document, before, rows) else None,
            # Rows that expire meanwhile move the others up: a later run begins a page earlier.
            resume_cursor=f"{number}:{before}",
            total=_total(document),
            problem=unread(read, "id or date"),
        )

    def _goes_on(self, document: Mapping[str, Json], before: int, rows: Sequence[Json]) -> bool:
        """Whether more may follow. A full page has one behind it whatever the server counts, else only the last row
        of its count ends the list, or an empty page where it counts none.
        """
        total = _total(document)
        is_all = total is not None and before + len(rows) >= total
        return bool(rows) and (not is_all or len(rows) >= self.declaration.page_size)

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

    def describe(self, recording_id: str) -> Recording:
        """By id, without hyphens: with them the API answers 404 (official SDK)."""
        answer = self.http.call("lookup", "GET", _path(recording_id), of="recording", auth=self._auth)
        document = _object(answer.json())
        recording = _read(document.get("item", document))
        if recording is None or recording.id != canonical_id(recording_id):
            raise Rejected("the provider described another recording than was asked for")
        return recording

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

    def delete(self, recording: Recording) -> str:
        """Deletes one recording."""
        _check(self.http.call("delete", "DELETE", _path(recording.id), of="recording", auth=self._auth))
        return f"deleted recording {recording.id}"

    def delete_many(self, recording_ids: Sequence[str]) -> Mapping[str, bool]:
        """Deletes several recordings; the answer tells of each whether it was deleted (API description)."""
        asked = {canonical_id(each): each for each in recording_ids}
        body: Json = {"ids": list(asked)}
        answer = self.http.call("delete", "POST", f"{LIST}/bulk/delete", of="recording", json=body, auth=self._auth)
        document = mapping_of(answer.json())
        items = {str(item.get("id")): item.get("success") for item in map(mapping_of, items_of(document.get("items")))}
        if document.get("success") is not True and not items:
            raise Rejected("the delete request was answered without a word about any recording")
        return {asked[id_]: success is True for id_, success in items.items() if id_ in asked}

    def annotate(self, recording_id: str, notes: Mapping[str, Json]) -> str:
        """Puts `notes["tags"]`, an array of texts, in place of the recording's tags; nothing else can be written."""
        tags = [text for text in map(text_of, items_of(notes.get("tags"))) if text]
        if set(notes) != {"tags"} or tags != notes["tags"]:
            raise Rejected('babelforce keeps tags only: {"tags": ["one", "another"]}')
        path, body = _path(recording_id), {"tags": tags}
        _check(self.http.call("annotate", "PUT", path, of="recording", json=body, auth=self._auth))
        return f"put {len(tags)} tags in place of those of recording {recording_id}"

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Ignored:
        """From an automation's HTTP action, set up to send the id and a secret; it cannot sign (API description)."""
        delivery.verify_secret(secrets)
        fields = delivery.fields()
        nested = mapping_of(fields.get("recording")).get("id")
        found = next((fields[name] for name in ("recording_id", "id", "recording.id") if name in fields), nested)
        return Hint(recording_id=canonical_id(id_from(found)), ready=True)

    def _token(self) -> tuple[Json, float]:
        """Client credentials, exchanged for a token."""
        form: dict[str, Value] = {"grant_type": "client_credentials", **self.account.credentials}
        answer = self.http.call("token", "POST", "/oauth/token", form=form, handles=(400,))
        if answer.status == 400:  # how OAuth refuses a client
            raise Unauthorized("the token request was refused")
        document = _object(answer.json())
        return document.get("access_token"), number_of(document.get("expires_in")) or 600.0


def _path(recording_id: str) -> str:
    return f"{LIST}/{segment(canonical_id(recording_id))}"


def _check(answer: Answer) -> None:
    """Raises Rejected for an answer that says, by whatever status, that nothing was done."""
    answer.done()
    if answer.document().get("success") is False:
        raise Rejected(f"the {answer.kind} request was answered without success")


def canonical_id(text: str) -> str:
    """The id as the API lists it: 32 hex digits, also where a UUID with hyphens was given."""
    return text.replace("-", "").lower() if _UUID.fullmatch(text) else text


def _read(row: Json) -> Recording | None:
    """One row as a recording; None when it has no id or no date."""
    if not isinstance(row, Mapping):
        return None
    id_, created = id_of(row.get("id")), moment_of(row.get("dateCreated"))
    if not id_ or created is None:
        return None
    file, call, agent = mapping_of(row.get("file")), mapping_of(row.get("call")), mapping_of(row.get("agent"))
    readiness, note = _readiness(text_of(row.get("state")), text_of(file.get("state")))
    duration, size = number_of(row.get("duration")), number_of(file.get("size"))
    return Recording(
        id=canonical_id(id_),
        readiness=readiness,
        note=note,
        call_id=id_of(call.get("id")),
        recorded_at=created,
        recorded_at_raw=written(row.get("dateCreated")),
        # Milliseconds: the help article's sample fits no other unit, whatever the API description says.
        duration_seconds=None if duration is None else duration / 1000,
        direction=text_of(call.get("type")),
        from_number=id_of(call.get("from")),
        to_number=id_of(call.get("to")),
        agent=text_of(agent.get("name")) or text_of(agent.get("id")),
        size_bytes=int(size) if size else None,
        content_type=text_of(file.get("contentType")),
        link=link_of(row.get("url")),
        raw=without(row, "url"),
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


def _object(document: Json) -> Mapping[str, Json]:
    if not isinstance(document, Mapping):
        raise Unavailable("babelforce answered something else than a JSON object")
    return document


def _total(document: Mapping[str, Json]) -> int | None:
    return count_of(mapping_of(document.get("pagination")).get("total"))
