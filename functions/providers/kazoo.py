"""Kazoo (2600Hz): recordings of one account, or of some of its users, at an operator's own cluster.

Versions differ from operator to operator. What is said here of its behaviour without another source is from its code.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import product

from functions.archiver.errors import (
    BadEvent,
    CursorRefused,
    Misconfigured,
    NotReady,
    Rejected,
    Unauthorized,
    Unavailable,
    Unverified,
)
from functions.archiver.http.auth import StaticAuth, TokenAuth
from functions.archiver.http.client import Answer, Auth, Body, Http, Value, segment
from functions.archiver.provider.declaration import Declaration, Option
from functions.archiver.provider.delivery import Delivery, Hint, Ignored, id_from
from functions.archiver.provider.json_values import id_of, items_of, mapping_of, number_of, text_of, unread, without
from functions.archiver.provider.provider import Account, Opened, Provider, Registration, Subscription
from functions.archiver.recording import Json, Page, Readiness, Recording, Window
from functions.archiver.secret import Secret

YEAR_ZERO = 62_167_219_200
"""Seconds from the year 0, from which Kazoo counts, to 1970."""

_YEAR_10000 = 315_537_897_600
_MAX_LISTS_IN_A_PAGE = 20
_SLACK_SECONDS = 3600.0
_FAILED = ("error", "fatal")
_MAX_SIGNED_BYTES = 32 * 1024
_HMAC = re.compile(rb'"hmac"\s{0,9}:\s{0,9}"(?:[A-Za-z0-9+]|\\?/){43}="')  # of SHA-256, in Base64
_LONGEST_SECONDS = 86_400.0  # of a recording that does not tell its length


class Kazoo(Provider):
    """The Crossbar API of one Kazoo account."""

    declaration = Declaration(
        title="Kazoo",
        secret_fields=(("api_key",), ("auth_token",)),
        options=(
            Option(name="account_id", help="the account's id: 32 hex digits", required=True, pattern="[0-9a-fA-F]{32}"),
            Option(name="users", help="ids of users, to archive only their recordings", kind="texts"),
        ),
        rate_default=60,  # a tenth of what the bucket of an address and an account is refilled with (docs)
        parallel_default=2,
        overlap_minimum=timedelta(hours=24),
        max_window=timedelta(days=31),  # a longer one is refused
        retention=timedelta(days=180),  # the default of months that an operator keeps at hand
        deletes="file",
        annotates=True,
        webhook=("signature", "secret"),
        registers_webhooks=True,
    )

    def __init__(self, http: Http, account: Account) -> None:
        super().__init__(http, account)
        token = account.credentials.get("auth_token")
        self.auth: Auth = TokenAuth(self._token, share=account.share_token, header="X-Auth-Token")
        if token:
            self.auth = StaticAuth({"X-Auth-Token": token.reveal()})
        self._account_id = str(account.options["account_id"]).lower()
        self._base = f"/v2/accounts/{segment(self._account_id)}"
        users = sorted({f"/users/{segment(str(user))}" for user in items_of(account.options.get("users"))})
        self._lists = [f"{self._base}{part}/recordings" for part in users or [""]]

    def page(self, window: Window, cursor: str | None) -> Page:
        """The cursor is the list's number and its start_key; users with few recordings share a page."""
        index, start_key = self._position(cursor)
        rows: list[Json] = []
        for _ in range(_MAX_LISTS_IN_A_PAGE):
            found, start_key = self._list(self._lists[index], window, start_key)
            rows += found
            index += 0 if start_key else 1
            if start_key or index == len(self._lists) or len(rows) >= self.declaration.page_size:
                break
        read = list(map(_read, rows))
        return Page(
            recordings=[recording for recording in read if recording and _may_be_inside(recording, window)],
            rows=len(rows),
            next_cursor=f"{index}:{start_key}" if index < len(self._lists) else None,
            problem=unread(read, "id or date"),
        )

    def _position(self, cursor: str | None) -> tuple[int, str]:
        index, _, start_key = (cursor or "0:").partition(":")
        if not index.isdecimal() or int(index) >= len(self._lists):
            raise CursorRefused("the list of users has changed")
        return int(index), start_key

    def _list(self, path: str, window: Window, start_key: str) -> tuple[Sequence[Json], str]:
        """One request. Without the same dates on each page the window would be counted anew from now."""
        params: dict[str, Value | None] = {
            "created_from": int(window.start.timestamp() // 1) + YEAR_ZERO,
            "created_to": -int(-window.end.timestamp() // 1) + YEAR_ZERO,
            "ascending": "true",
            "page_size": self.declaration.page_size,
            "start_key": start_key or None,
        }
        answer = self.http.call("list", "GET", path, params=params, auth=self.auth, handles=(400,))
        if answer.status == 400:
            reason = "the list request was answered with 400"
            raise CursorRefused(reason) if start_key else Unavailable(reason)
        document = mapping_of(answer.json())
        rows, key = document.get("data"), document.get("next_start_key")
        if not isinstance(rows, list) or document.get("status") in _FAILED or isinstance(key, (list, dict)):
            raise Unavailable("the list of recordings came without usable data and key")
        return rows, str(key or "")

    @contextmanager
    def open(self, recording: Recording) -> Iterator[Opened]:
        """By the same URL as the document: the Accept header decides, or a parameter in its place (docs)."""
        with ExitStack() as stack:
            yield Opened(body=self._enter(stack, recording.id))

    def _enter(self, stack: ExitStack, recording_id: str) -> Body:
        path, headers = self._path(recording_id), {"Accept": "audio/mpeg"}
        for params in (None, {"accept": "audio/mpeg"}):
            asked = self.http.stream("media", path, params=params, headers=headers, auth=self.auth, handles=(404,))
            body = stack.enter_context(asked)
            if body.status == 404:
                # The same answer for a recording without audio and for none at all: the document tells.
                self.describe(recording_id)
                raise NotReady("its document is there and its audio is not")
            if not _is_document(body):
                return body
            if _readiness(mapping_of(mapping_of(body.answer().json()).get("data"))) is Readiness.NOT_READY:
                raise NotReady("its document came in place of its audio, and says that there is none")
        raise Rejected("its document came in place of its audio")

    def describe(self, recording_id: str) -> Recording:
        """By id, whose first six digits name the month that is searched: at a month's end it may be another one."""
        path, headers = self._path(recording_id), {"Accept": "application/json"}
        answer = self.http.call("lookup", "GET", path, of="recording", headers=headers, auth=self.auth)
        recording = _read(mapping_of(answer.json()).get("data"))
        if recording is None or recording.id != recording_id:
            raise Rejected("the provider described another recording than was asked for")
        return recording

    def delete(self, recording: Recording) -> str:
        """Deletes the document and the audio within it; audio at a storage provider stays (docs)."""
        _check(self.http.call("delete", "DELETE", self._path(recording.id), of="recording", auth=self.auth))
        return f"deleted recording {recording.id}; audio that Kazoo keeps at a storage provider stays there"

    def annotate(self, recording_id: str, notes: Mapping[str, Json]) -> str:
        """Adds `notes` to `user_metadata`, the only property that can be written; version 4 has none."""
        path, body = self._path(recording_id), {"data": {"user_metadata": notes}}
        answer = self.http.call("annotate", "PATCH", path, of="recording", json=body, auth=self.auth, handles=(405,))
        if answer.status == 405:
            raise Rejected("this version of Kazoo takes no notes: that came with version 5")
        _check(answer)
        return f"added {len(notes)} notes to user_metadata of recording {recording_id}"

    def event(self, delivery: Delivery, secrets: Sequence[Secret]) -> Hint | Ignored:
        """Reads events of the hook `object`.

        Version 2 signs its `data` within the body; else a header carries a secret (docs).
        """
        event = delivery.fields() if _has_secret(delivery, secrets) else _signed_fields(delivery, secrets)
        data = {**event, **mapping_of(event.get("data"))}
        if (sent := _moment(event.get("timestamp"))) and abs(delivery.received_at - sent) > timedelta(hours=1):
            return Ignored(reason="the event is stale")
        if data.get("type", "call_recording") != "call_recording":
            return Ignored(reason="the event is not about a call recording")
        if str(data.get("account_id", self._account_id)).lower() != self._account_id:
            return Ignored(reason="the event is about another account")
        if data.get("action") not in (None, "doc_created", "doc_edited"):
            return Ignored(reason="the event is about no recording that came or changed")
        # The document is made before there is audio and edited when it is stored.
        return Hint(recording_id=id_from(data.get("id")), ready=data.get("action") == "doc_edited")

    def register_webhook(self, url: str, secrets: Sequence[Secret]) -> Registration:
        """Makes the hook; one with this URL is brought up to date and switched on.

        Version 2 signs; the header is for a cluster that takes version 2 for version 1, which cannot (docs).
        """
        if not secrets:
            raise Misconfigured("the secret's webhook_secret is missing, with which the hook signs its events")
        known = next((hook for hook in self.webhooks() if hook.url == url), None)
        secret = secrets[0].reveal()
        document: Json = {
            "name": f"Recording archive: {self.account.source}",
            "uri": url,
            "http_verb": "post",
            "hook": "object",
            "custom_data": {"type": "call_recording", "action": "all"},
            "format": "json",
            "version": "v2",
            "enabled": True,
            "security_settings": {"sha256_key": secret},
            "custom_request_headers": {"x-webhook-secret": secret},
        }
        path, body = f"{self._base}/webhooks", {"data": document}
        if known is None:
            self.http.call("webhook", "PUT", path, json=body, auth=self.auth)
            return Registration(sentence="registered, and switched on")
        self.http.call("webhook", "PATCH", f"{path}/{segment(known.id)}", json=body, auth=self.auth)
        return Registration(sentence="brought up to date, and switched on")

    def webhooks(self) -> Sequence[Subscription]:
        """Hooks of the account, whoever made them. Kazoo switches one off that failed too often (docs)."""
        answer = self.http.call("webhook", "GET", f"{self._base}/webhooks", auth=self.auth)
        rows = map(mapping_of, items_of(mapping_of(answer.json()).get("data")))
        return [
            Subscription(id=id_, url=url, problem="switched off" if row.get("enabled") is False else None)
            for row in rows
            if (id_ := text_of(row.get("id"))) and (url := text_of(row.get("uri")))
        ]

    def _token(self) -> tuple[Json, float]:
        """The API key, exchanged for a token; an unknown key is answered with 404."""
        body: Json = {"data": {"api_key": self.account.credentials["api_key"].reveal()}}
        answer = self.http.call("token", "PUT", "/v2/api_auth", json=body, handles=(404,))
        if answer.status == 404:
            raise Unauthorized("the token request was answered with 404: the API key is unknown")
        token = mapping_of(answer.json()).get("auth_token")
        return token, _life(token)

    def _path(self, recording_id: str) -> str:
        return f"{self._base}/recordings/{segment(recording_id)}"


def _check(answer: Answer) -> None:
    """Raises Rejected for an envelope that says, by whatever status, that nothing was done."""
    answer.done()
    if (status := answer.document().get("status")) in _FAILED:
        raise Rejected(f"the {answer.kind} request was answered with the status {status}")


def _is_document(body: Body) -> bool:
    """By its first bytes: a proxy may label everything below /v2 as JSON, sound as well."""
    return body.peek().lstrip()[:1] == b"{"


def _read(value: Json) -> Recording | None:
    """One document as a recording; None when it has no id or no date."""
    row = mapping_of(value)
    id_, start = id_of(row.get("id")), _moment(row.get("start"))
    if not id_ or not start:
        return None
    readiness, milliseconds = _readiness(row), number_of(row.get("duration_ms"))
    return Recording(
        id=id_,
        readiness=readiness,
        note=None if readiness is Readiness.READY else f"its document says {readiness.value}",
        call_id=id_of(row.get("call_id")),
        recorded_at=start,
        recorded_at_raw=str(row.get("start")),
        duration_seconds=number_of(row.get("duration")) if milliseconds is None else milliseconds / 1000,
        direction=text_of(row.get("direction")),
        from_number=id_of(row.get("caller_id_number")) or text_of(row.get("from")),
        to_number=id_of(row.get("callee_id_number")) or text_of(row.get("to")),
        agent=text_of(row.get("owner_id")),
        content_type=text_of(row.get("content_type")),
        raw=without(row, "url", "auth_token"),
    )


def _readiness(row: Mapping[str, Json]) -> Readiness:
    """No content types mean no audio yet; versions that tell nothing of them are asked for the audio itself."""
    content_types = mapping_of(row.get("_read_only")).get("content_types")
    return Readiness.NOT_READY if content_types == [] else Readiness.READY


def _may_be_inside(recording: Recording, window: Window) -> bool:
    """The filter is about when the document was made, as the recording stopped, and no row tells that time (code)."""
    start = recording.recorded_at.timestamp() if recording.recorded_at else 0.0
    stop = start + (_LONGEST_SECONDS if recording.duration_seconds is None else recording.duration_seconds)
    return start <= window.end.timestamp() + _SLACK_SECONDS and stop >= window.start.timestamp() - _SLACK_SECONDS


def _moment(value: Json) -> datetime | None:
    seconds = number_of(value) or 0.0
    return datetime.fromtimestamp(seconds - YEAR_ZERO, UTC) if YEAR_ZERO <= seconds < _YEAR_10000 else None


def _life(token: Json) -> float:
    """Seconds until a token expires, which its middle part tells; only its maker could check that (docs)."""
    payload = str(token).partition(".")[2].partition(".")[0] + "==="
    with suppress(ValueError, RecursionError):
        expires = number_of(mapping_of(json.loads(urlsafe_b64decode(payload))).get("exp")) or 0.0
        return expires - time.time() if expires > time.time() else 1800.0
    return 1800.0  # half of the usual hour


def _has_secret(delivery: Delivery, secrets: Sequence[Secret]) -> bool:
    with suppress(Unverified):
        delivery.verify_secret(secrets)
        return True
    return False


def _signed_fields(delivery: Delivery, secrets: Sequence[Secret]) -> Mapping[str, Json]:
    """The fields of an event that its signature covers, or that do no harm.

    Raises Unverified; strangers cannot make it work hard.
    """
    if len(delivery.body) <= _MAX_SIGNED_BYTES and _HMAC.search(delivery.body):
        with suppress(BadEvent, RecursionError):
            event = delivery.json()
            delivery.verify([str(event.get("hmac") or "")], _signatures(event, secrets))
            # The action stands outside of what is signed, and decides no more than how soon the recording is asked for.
            return {**{name: event.get(name) for name in ("timestamp", "action")}, **mapping_of(event.get("data"))}
    raise Unverified("the sender could not be verified")


def _signatures(event: Mapping[str, Json], secrets: Sequence[Secret]) -> Iterator[str]:
    """Over the timestamp and `data` as compact JSON. Kazoo reads its clock twice, so a second more or less counts."""
    sent = int(number_of(event.get("timestamp")) or 0)
    for in_order, escaped in product((False, True), repeat=2):
        data = json.dumps(event.get("data"), separators=(",", ":"), sort_keys=in_order, ensure_ascii=escaped)
        for second, secret in product((sent, sent - 1, sent + 1), secrets):
            text = f"{second}{data}".encode("utf-8", "surrogatepass")
            if key := secret.reveal():
                yield b64encode(hmac.digest(key.encode(), text, "sha256")).decode()
