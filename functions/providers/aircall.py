"""Aircall: recordings and voicemails of a company's calls.

Statements without another source are from a third party's reading of Aircall's reference, and from public programs.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from functions.archiver.errors import BadEvent, NotFound, NotReady, Rejected, Unauthorized, Unavailable, Unverified
from functions.archiver.http.auth import StaticAuth
from functions.archiver.http.client import Http, segment
from functions.archiver.provider.declaration import Declaration, LimitHeaders, Option
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
    without,
    written,
)
from functions.archiver.provider.provider import Account, Opened, Provider, Registration, Subscription
from functions.archiver.recording import Json, Page, Readiness, Recording, Window
from functions.archiver.secret import Secret

CALLS = "/v1/calls"
KINDS = ("recording", "voicemail")
"""A call has up to one file of each, without an id of its own: its id is made of the call's and the kind."""

EVENTS = ("call.comm_assets_generated", "call.voicemail_left")
_SLACK = timedelta(hours=1)
_STALE_AFTER = timedelta(hours=1)
_LINKS = ("recording", "voicemail", "recording_short_url", "voicemail_short_url", "asset", "direct_link")


class Aircall(Provider):
    """The public API of one Aircall company."""

    declaration = Declaration(
        title="Aircall",
        default_base_url="https://api.aircall.io",
        secret_fields=(("api_id", "api_token"),),
        public_fields=("api_id",),
        options=(Option(name="voicemails", help="archive voicemails as well", kind="boolean", default=True),),
        rate_default=60,  # of 120 a minute for the whole company, all of its programs together
        limit_headers=LimitHeaders(
            wait=("Retry-After", "X-AircallApi-Reset"),  # the second's unit is not documented
            remaining=("X-AircallApi-Remaining",),
            otherwise=timedelta(minutes=1),
        ),
        parallel_default=2,
        overlap_minimum=timedelta(hours=24),
        page_size=50,
        retention=timedelta(days=180),  # about six months of history are served
        deletes="file",
        webhook=("secret",),
        webhook_setup=(
            "Add a webhook with the address {url} and the event call.comm_assets_generated in Aircall's dashboard, and "
            "put its token into the secret as webhook_secret"
        ),
        registers_webhooks=True,
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        pair = ":".join(account.credentials[name].reveal() for name in ("api_id", "api_token"))
        self._auth = StaticAuth({"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})
        self._kinds = KINDS if account.options.get("voicemails", True) else KINDS[:1]

    def page(self, window: Window, cursor: str | None) -> Page:
        """Oldest first; the cursor is the page's number. The filter is by a call's creation, which no row tells: calls
        that begin near the window count.

        However many calls there are, no more than 10,000 of a window are listed, without an error: the count that comes
        with every page tells, and the window is divided.
        """
        number = int(cursor or "1")
        first, end = int(window.start.timestamp()), -int(-window.end.timestamp() // 1)
        params = {"from": str(first), "to": str(end), "order": "asc", "page": str(number), "per_page": "50"}
        document = mapping_of(self.http.call("list", "GET", CALLS, params=params, auth=self._auth).json())
        rows, meta = document.get("calls"), mapping_of(document.get("meta"))
        if not isinstance(rows, list):
            raise Unavailable("the list of calls came without calls")
        calls = [row for row in rows if isinstance(row, Mapping) and _id(row) and _start_of(row)]
        near = Window(start=window.start - _SLACK, end=window.end + _SLACK)
        inside = [call for call in calls if near.start <= (_start_of(call) or near.end) <= near.end]
        unread = len(rows) - len(calls)
        return Page(
            recordings=[recording for call in inside for recording in self._files(call)],
            rows=len(rows),
            empty=[str(_id(call)) for call in inside if not self._files(call)],
            next_cursor=str(number + 1) if rows and _goes_on(meta, rows) else None,
            # Rows that expire meanwhile move the others up: a later run begins a page earlier.
            resume_cursor=str(number),
            total=count_of(meta.get("total")),
            problem=f"{unread} rows have no usable id or date" if unread else None,
        )

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By a signed link of the call, asked for right before: it lives for an hour at most."""
        call_id, kind = _parts(recording.id)
        call = self._call(call_id)
        link = link_of(call.get(kind))
        if link is None:
            raise NotReady(f"the call has no {kind} yet")
        with self.http.stream("media", link) as body:
            yield Opened(body=body, recording=_file(call, kind))

    def describe(self, recording_id: str) -> Recording:
        """By its call."""
        call_id, kind = _parts(recording_id)
        return _file(self._call(call_id), kind)

    def look_up(self, call_id: str) -> Sequence[Recording]:
        """The files of a call that an event named."""
        found = self._files(self._call(call_id))
        if not found:
            raise NotReady("the call has no files yet")
        return found

    def delete(self, recording: Recording) -> str:
        """One file of a call; which path it has is a guess, not verified live."""
        call_id, kind = _parts(recording.id)
        path = f"{CALLS}/{segment(call_id)}/{kind}"
        self.http.call("delete", "DELETE", path, of="recording", auth=self._auth).done()
        return f"deleted the {kind} of call {call_id}"

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Sequence[Hint] | Ignored:
        """Proven by the webhook's token in the body, which Aircall makes; nothing is signed."""
        try:
            delivery.verify([_token(delivery)], (secret.reveal() for secret in secrets))
        except Unverified:
            delivery.verify_secret(secrets)
        event = delivery.json()
        if (sent := moment_of(event.get("timestamp"))) and abs(delivery.received_at - sent) > _STALE_AFTER:
            return Ignored(reason="the event is stale")
        if event.get("event") not in EVENTS:
            return Ignored(reason="the event is about no file")
        call = mapping_of(event.get("data"))
        files = self._files(call) if _id(call) else []
        hints = [Hint(recording_id=file.id, ready=True) for file in files]
        return hints or Hint(call_id=id_from(_id(call)))

    def register_webhook(self, url: str, secrets: Sequence[Secret]) -> Registration:
        """Makes the webhook, or switches the one with this URL on again; Aircall makes the token that proves it."""
        known = next((row for row in self._webhooks() if row.get("url") == url), None)
        if known is None:
            body: Json = {"custom_name": f"Archive: {self.account.source}", "url": url, "events": list(EVENTS)}
            answer = self.http.call("webhook", "POST", "/v1/webhooks", json=body, auth=self._auth)
            made = mapping_of(mapping_of(answer.json()).get("webhook"))
        else:
            made, path = known, f"/v1/webhooks/{segment(str(known.get('webhook_id')))}"
            again: Json = {"url": url, "events": list(EVENTS), "active": True}
            self.http.call("webhook", "PUT", path, json=again, auth=self._auth)
        token = text_of(made.get("token"))
        if token is None:
            raise Rejected("Aircall gave no token for the webhook")
        return Registration(sentence="registered" if known is None else "switched on", secret=Secret(token))

    def webhooks(self) -> Sequence[Subscription]:
        """Webhooks of the company. Aircall is said to switch one off after about ten failures."""
        return [
            Subscription(id=id_, url=url, problem="switched off" if row.get("active") is False else None)
            for row in self._webhooks()
            if (id_ := str(row.get("webhook_id") or "")) and (url := text_of(row.get("url")))
        ]

    def _webhooks(self) -> list[Mapping[str, Json]]:
        answer = self.http.call("webhook", "GET", "/v1/webhooks", auth=self._auth)
        return list(map(mapping_of, items_of(mapping_of(answer.json()).get("webhooks"))))

    def _call(self, call_id: str) -> Mapping[str, Json]:
        """One call. 403 is how Aircall refuses credentials, whatever was asked for (measured)."""
        path = f"{CALLS}/{segment(call_id)}"
        answer = self.http.call("lookup", "GET", path, of="recording", auth=self._auth, handles=(403,))
        if answer.status == 403:
            raise Unauthorized("the lookup request was answered with 403")
        call = mapping_of(mapping_of(answer.json()).get("call"))
        if _id(call) != call_id or _start_of(call) is None:
            raise Rejected("the provider described another call than was asked for")
        return call

    def _files(self, call: Mapping[str, Json]) -> list[Recording]:
        """A call without a link has nothing to archive yet, and often never will: not every call is recorded."""
        return [_file(call, kind) for kind in self._kinds if link_of(call.get(kind))]


def _file(call: Mapping[str, Json], kind: str) -> Recording:
    """One file of a call that has an id."""
    there = link_of(call.get(kind)) is not None
    inbound = call.get("direction") != "outbound"
    number, digits = id_of(mapping_of(call.get("number")).get("digits")), id_of(call.get("raw_digits"))
    return Recording(
        id=f"{_id(call)}-{kind}",
        readiness=Readiness.READY if there else Readiness.NOT_READY,
        note=None if there else f"the call has no {kind} yet",
        call_id=_id(call),
        recorded_at=_start_of(call),
        recorded_at_raw=written(call.get("started_at")),
        duration_seconds=number_of(call.get("duration")) if kind == "recording" else None,
        direction=text_of(call.get("direction")),
        from_number=digits if inbound else number,
        to_number=number if inbound else digits,
        agent=text_of(mapping_of(call.get("user")).get("name")),
        raw=without(call, *_LINKS),
    )


def _parts(recording_id: str) -> tuple[str, str]:
    call_id, _, kind = recording_id.rpartition("-")
    if not call_id or kind not in KINDS:
        raise NotFound("no call has a file of this id")
    return call_id, kind


def _id(call: Mapping[str, Json]) -> str | None:
    """The call's id, a number, as text."""
    return id_of(call.get("id"))


def _start_of(call: Mapping[str, Json]) -> datetime | None:
    return moment_of(call.get("started_at"))


def _goes_on(meta: Mapping[str, Json], rows: Sequence[Json]) -> bool:
    """Whether another page follows: by the link to it, or else by a full page."""
    if "next_page_link" in meta:
        return bool(meta["next_page_link"])
    return len(rows) >= Aircall.declaration.page_size


def _token(delivery: Delivery) -> str:
    """The token that the body carries; empty for a body that is no document."""
    try:
        return text_of(delivery.json().get("token")) or ""
    except BadEvent:
        return ""
