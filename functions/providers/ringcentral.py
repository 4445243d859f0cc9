"""RingCentral: the recordings of an account's calls, from its call log; each leg of a call may have one of its own.

Statements without another source are from RingCentral's API description and its guides for developers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from functions.archiver.errors import Misconfigured, NotFound, NotReady
from functions.archiver.http.auth import TokenAuth, basic
from functions.archiver.http.client import Http, Of, Value, segment
from functions.archiver.http.statuses import problem
from functions.archiver.http.url_paths import origin_of
from functions.archiver.provider.declaration import Declaration, Limit, LimitHeaders, Option, Purpose
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, Reply, id_from
from functions.archiver.provider.json_values import (
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
from functions.archiver.provider.looking_back import rows_looking_back
from functions.archiver.provider.oauth import REFUSED, token_of
from functions.archiver.provider.provider import Account, Opened, Provider, Registration, Subscription
from functions.archiver.recording import Json, Page, Recording, Window
from functions.archiver.secret import Secret

ACCOUNT = "/restapi/v1.0/account/~"
CALL_LOG = f"{ACCOUNT}/call-log"
SUBSCRIPTIONS = "/restapi/v1.0/subscription"
EVENTS = f"{ACCOUNT}/telephony/sessions?statusCode=Disconnected&withRecordings=true"

_LONGEST_SUBSCRIPTION_SECONDS = 315_360_000
_LOOK_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=90))
_ATTACHED_WITHIN = timedelta(hours=2)
_SHORTEST_KEPT_SECONDS = 30.0
_STALE_AFTER = timedelta(hours=1)
_LINKS = ("uri", "contentUri", "legs")

_Row = Mapping[str, Json]


class RingCentral(Provider):
    """The call log and the recordings of one RingCentral account."""

    declaration = Declaration(
        title="RingCentral",
        default_base_url="https://platform.ringcentral.com",
        secret_fields=(("client_id", "client_secret", "jwt"),),
        public_fields=("client_id",),
        options=(
            Option(
                name="media_url",
                help="where audio lies and the token goes, beside base_url",
                kind="origin",
                default="https://media.{domain}",
                purpose="media",
            ),
        ),
        shares_token=True,
        # Lists and audio share ten requests a minute for each app and user. One fewer leaves one over in every minute,
        # so that "none left" is said only when somebody else takes them, or the limit was lowered.
        rate_default=9,
        limits=(Limit(kinds=("token",), per_minute=5),),
        limit_headers=LimitHeaders(
            wait=("Retry-After", "X-Rate-Limit-Window"),
            remaining=("X-Rate-Limit-Remaining",),
            otherwise=timedelta(seconds=30),
            restarts=True,
        ),
        parallel_default=1,
        overlap_minimum=timedelta(hours=24),  # a call is listed by its start, and its recording is attached later
        page_size=250,  # of 1000 allowed: detailed rows are long
        retention=timedelta(days=90),
        retention_count=100_000,
        deletes="file",
        deletes_many=True,
        lists_deleted=True,  # the row of the call may keep naming its recording (a guess, not verified live)
        webhook=("secret",),
        webhook_setup="Give the app the permission for webhooks and run `recordings webhook register` with {url}",
        registers_webhooks=True,
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        self._auth = TokenAuth(self._token, share=account.share_token, header="Authorization", scheme="Bearer")
        self._media_origin = origin_of(self.declaration.origins(account.options).get("media", account.base_url))

    def page(self, window: Window, cursor: str | None) -> Page:
        """By the start of calls; a call's recordings belong to the window in which it starts, whenever its legs do.

        Calls without a recording, which a filter keeps out, are not counted: many of them mean nothing.
        """
        number = int(cursor or 1)
        document, rows = self._of_window("list", window, number, of="source")
        read = [(moment_of(row.get("startTime")), fact) for row in rows for fact in self._facts(row)]
        return Page(
            recordings=[fact for start, fact in read if fact and start and window.start <= start <= window.end],
            rows=len(read),
            next_cursor=str(number + 1) if _goes_on(document, number, self.declaration.page_size) else None,
            resume_cursor=str(number),  # a row that went away moves the later ones up
            problem=unread([fact for _, fact in read], "id or date"),
        )

    def _of_window(self, kind: str, window: Window, number: int, *, of: Of) -> tuple[_Row, Sequence[_Row]]:
        """Whether the ends are inclusive is not documented: a second is added to the last one."""
        end = window.end.astimezone(UTC) + timedelta(seconds=1.999999)
        return self._log(
            kind,
            {
                "dateFrom": f"{window.start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "dateTo": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                "recordingType": "All",
                "perPage": self.declaration.page_size,
                "page": number,
            },
            of=of,
        )

    def _log(self, kind: str, wanted: Mapping[str, Value], *, of: Of) -> tuple[_Row, Sequence[_Row]]:
        params: dict[str, Value] = {"view": "Detailed", "type": "Voice", **wanted}
        document = mapping_of(self.http.call(kind, "GET", CALL_LOG, of=of, params=params, auth=self._auth).json())
        if not isinstance(records := document.get("records"), list):
            raise problem(of, "the call log came without records")
        return document, list(map(_row, records))

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """Where the row's link leads; the token goes to this origin and to the declared one for media."""
        facts = recording.raw or self.describe(recording.id).raw
        path = text_of(facts.get("content_path")) or f"{ACCOUNT}/recording/{segment(recording.id)}/content"
        at: Purpose | None = None if facts.get("content_at") == "platform" else "media"
        with self.http.stream("media", path, auth=self._auth, at=at) as body:
            if body.status == 202:  # a guess, not verified live: what content that is not there yet is answered with
                raise NotReady("RingCentral has not stored it yet")
            yield Opened(body=body)

    def describe(self, recording_id: str) -> Recording:
        """Asked by id, a recording tells neither its date nor its call: the call log is searched for it."""
        for row in rows_looking_back(self._rows, *_LOOK_BACK):
            for fact in self._facts(row):
                if fact and fact.id == recording_id:
                    return fact
        raise NotFound(f"no call of the last {_LOOK_BACK[-1].days} days has this recording")

    def _rows(self, window: Window, cursor: str | None) -> tuple[Sequence[_Row], str | None]:
        number = int(cursor or 1)
        document, rows = self._of_window("lookup", window, number, of="recording")
        return rows, str(number + 1) if _goes_on(document, number, self.declaration.page_size) else None

    def look_up(self, call_id: str) -> Sequence[Recording]:
        """By telephony session. A call is listed half a minute after its end, its recording is attached later still."""
        _, rows = self._log("lookup", {"telephonySessionId": call_id}, of="recording")
        own = [row for row in rows if row.get("telephonySessionId") == call_id]
        found = [fact for row in own for fact in self._facts(row) if fact]
        if not found and (not own or any(map(_may_get_one, own))):
            raise NotReady("the call has no recording yet")
        return found

    def delete(self, recording: Recording) -> str:
        """The audio; the call stays in the log."""
        self.delete_many([recording.id])
        return f"deleted the audio of {recording.id}; the call log keeps the call"

    def delete_many(self, recording_ids: Sequence[str]) -> Mapping[str, bool]:
        """In one request, whose body names them."""
        body: Json = {"records": list(recording_ids)}
        target = f"{ACCOUNT}/call-recordings"
        self.http.call("delete", "DELETE", target, of="recording", json=body, auth=self._auth).done()
        return dict.fromkeys(recording_ids, True)

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Ignored | Reply:
        """A call's end. The token that was agreed on comes in one header by the API description, in another by the
        guide. A request with that other one and no body asks for its echo, and proves nothing.
        """
        headers = delivery.headers
        if not delivery.body.strip() and (echo := headers.get("validation-token")):
            return Reply(headers={"Validation-Token": echo})
        given = [headers.get(name, "") for name in ("verification-token", "validation-token")]
        given += [delivery.path_secret.reveal()] if delivery.path_secret else []
        delivery.verify(given, (secret.reveal() for secret in secrets))
        event = delivery.json()
        if (sent := moment_of(event.get("timestamp"))) and abs(delivery.received_at - sent) > _STALE_AFTER:
            return Ignored(reason="the event is stale")
        if "/telephony/sessions" not in str(event.get("event", "/telephony/sessions")):
            return Ignored(reason="the event is about no call")
        return Hint(call_id=id_from(mapping_of(event.get("body")).get("telephonySessionId")))

    def register_webhook(self, url: str, secrets: Sequence[Secret]) -> Registration:
        """Makes a subscription for ten years. One with this URL goes first: once failed, it stays off."""
        if not secrets:
            raise Misconfigured("the secret's webhook_secret is missing, which the events are to carry")
        known = [subscription for subscription in self.webhooks() if subscription.url == url]
        for subscription in known:
            target = f"{SUBSCRIPTIONS}/{segment(subscription.id)}"
            self.http.call("webhook", "DELETE", target, of="recording", auth=self._auth, handles=(404,))
        body: Json = {
            "eventFilters": [EVENTS],
            "deliveryMode": {
                "transportType": "WebHook",
                "address": url,
                "verificationToken": secrets[0].reveal(),
            },
            "expiresIn": _LONGEST_SUBSCRIPTION_SECONDS,
        }
        self.http.call("webhook", "POST", SUBSCRIPTIONS, of="recording", json=body, auth=self._auth)
        return Registration(sentence="registered anew for ten years" if known else "registered for ten years")

    def webhooks(self) -> Sequence[Subscription]:
        """Those of the app and its user. One that failed is switched off for good."""
        document = self.http.call("webhook", "GET", SUBSCRIPTIONS, of="recording", auth=self._auth).json()
        return [
            Subscription(id=id_, url=url, problem=_problem(row))
            for row in map(mapping_of, items_of(mapping_of(document).get("records")))
            if (id_ := text_of(row.get("id"))) and (url := link_of(mapping_of(row.get("deliveryMode")).get("address")))
        ]

    def _token(self) -> tuple[Json, float]:
        """In exchange for the JWT that RingCentral issued, which needs no signature of ours."""
        secret = self.account.credentials
        answer = self.http.call(
            "token",
            "POST",
            "/restapi/oauth/token",
            form={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": secret["jwt"]},
            headers=basic(secret["client_id"], secret["client_secret"]),
            handles=(REFUSED,),
        )
        return token_of(answer)

    def _facts(self, row: _Row) -> Sequence[Recording | None]:
        """The recordings of a call and of its legs, each once; None for one without an id, or a date of its call."""
        found: dict[str | int, Recording | None] = {}
        for place, part in enumerate((row, *map(mapping_of, items_of(row.get("legs"))))):
            if part.get("recording") is not None:
                id_ = id_of(mapping_of(part["recording"]).get("id"))
                known = id_ and moment_of(row.get("startTime"))
                found.setdefault(id_ or place, self._recording(str(id_), row, part) if known else None)
        return list(found.values())

    def _recording(self, id_: str, row: _Row, part: _Row) -> Recording:
        start = part.get("startTime") if moment_of(part.get("startTime")) else row.get("startTime")
        sides = [mapping_of(part.get(side) or row.get(side)) for side in ("from", "to")]
        direction = text_of(part.get("direction")) or text_of(row.get("direction"))
        link = link_of(mapping_of(part["recording"]).get("contentUri")) or ""
        places = {origin_of(self.account.base_url): "platform", self._media_origin: "media"}
        place = places.get(origin_of(link))
        return Recording(
            id=id_,
            call_id=text_of(row.get("telephonySessionId")) or id_of(row.get("sessionId") or row.get("id")),
            recorded_at=moment_of(start),
            recorded_at_raw=written(start),
            duration_seconds=number_of(part.get("duration")),
            direction=direction,
            from_number=_number(sides[0]),
            to_number=_number(sides[1]),
            agent=text_of(sides[0 if direction == "Outbound" else 1].get("name")),
            raw={
                **without(row, *_LINKS),
                **without(part, *_LINKS),
                "content_at": place,
                "content_path": urlsplit(link).path if place else None,
            },
        )


def _row(record: Json) -> _Row:
    """A record of the log; what is none becomes a call whose recording has no id, so that it is noticed."""
    return record if isinstance(record, Mapping) else {"recording": {}}


def _goes_on(document: _Row, number: int, page_size: int) -> bool:
    """Whether another page follows: by the link to it, the number of pages, or else by a full page."""
    paging, navigation = document.get("paging"), document.get("navigation")
    if isinstance(navigation, Mapping):
        return navigation.get("nextPage") is not None
    pages = number_of(mapping_of(paging).get("totalPages"))
    return number < pages if pages is not None else len(items_of(document.get("records"))) >= page_size


def _may_get_one(row: _Row) -> bool:
    """Whether a call without a recording may still get one: it was not too short, and ended not long ago."""
    start, seconds = moment_of(row.get("startTime")), number_of(row.get("duration"))
    if seconds is not None and seconds < _SHORTEST_KEPT_SECONDS:
        return False
    ended = start + timedelta(seconds=min(abs(seconds or 0.0), 10**6)) if start else None
    return ended is None or datetime.now(UTC) - ended < _ATTACHED_WITHIN


def _problem(row: _Row) -> str | None:
    if row.get("status") != "Active":
        return f"RingCentral says {text_of(row.get('status')) or 'nothing'} of it"
    expires = moment_of(row.get("expirationTime"))
    return "it has expired" if expires and expires < datetime.now(UTC) else None


def _number(side: _Row) -> str | None:
    return id_of(side.get("phoneNumber")) or id_of(side.get("extensionNumber"))
