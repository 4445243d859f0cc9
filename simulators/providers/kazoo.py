"""Kazoo: JSON or audio behind the same URL, lists by cursor in Gregorian time, an API key exchanged for a token."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from simulators.audio import Audio, Format, hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

GREGORIAN = 62_167_219_200
MAX_RANGE = 31 * 86_400 + 3_600
PAGE_SIZE = 50
_MESSAGES = {
    400: "invalid_data",
    401: "invalid_credentials",
    403: "forbidden",
    404: "bad_identifier",
    405: "invalid_method",
    406: "invalid_accept",
    429: "too_many_requests",
    500: "internal_error",
    503: "datastore_unreachable",
}


def base64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Kazoo(Simulator):
    """A Kazoo cluster with one account; every fourth recording is a WAV.

    `auth`: whether `secret` holds the API key or a token. `token_seconds`: a token's life. `bucket`: the rate
    limit's capacity and refill per second, or None. `version`: only 5 knows PATCH.
    """

    name: ClassVar[str] = "kazoo"
    credential_headers = ("authorization", "x-auth-token")

    def __init__(
        self,
        *,
        auth: Literal["api_key", "auth_token"] = "api_key",
        token_seconds: int = 3600,
        bucket: tuple[float, float] | None = (100, 10),
        version: Literal[4, 5] = 5,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.token_seconds, self.bucket, self.version = token_seconds, bucket, version
        self.account_id = hexadecimal(self.seed, "account")
        self.users = [hexadecimal(self.seed, "user", n) for n in range(2)]
        self.options = {"account_id": self.account_id}
        self.webhooks: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, float] = {}
        self._api_key = hexadecimal(self.seed, "key", digits=64)
        self.confidential.add(self._api_key)
        self._level, self._leveled = (bucket or (0.0, 0.0))[0], time.monotonic()
        self.secret = {"api_key": self._api_key} if auth == "api_key" else {"auth_token": self._new_token()}

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        return f"{recorded_at:%Y%m}-{hexadecimal(self.seed, index)}", f"{hexadecimal(self.seed, index, 'call')}@pbx"

    def audio(self, index: int, size: int) -> Audio:
        """MP3, or WAV for every fourth."""
        format_: Format = "wav" if index % 4 == 3 else "mp3"
        return Audio(format=format_, seed=f"{self.name}:{self.seed}:{index}", wanted_bytes=size)

    def created(self, recording: SimulatedRecording) -> int:
        """When its document was made, in Gregorian seconds: about when recording stopped. Filters look at this."""
        stopped = recording.recorded_at + timedelta(milliseconds=recording.audio.duration_ms)
        last = max(self.start + self.span, recording.recorded_at)
        return int(min(stopped, last).timestamp()) + GREGORIAN

    def route(self, request: Request) -> Route:
        route = self._route(request)
        if request.host == "own" and self._is_over_limit():
            return replace(route, answer=lambda _request, _fault: self.error(429), guarded=False)
        return route

    def _route(self, request: Request) -> Route:
        match request.method, *request.parts:
            case "PUT", "v2", "api_auth":
                return Route(kind="token", answer=self._authenticate, guarded=False)
            case "GET", "v2", "accounts", self.account_id, "recordings":
                return Route(kind="list", answer=self._list)
            case "GET", "v2", "accounts", self.account_id, "users", _, "recordings":
                return Route(kind="list", answer=self._list)
            case method, "v2", "accounts", self.account_id, "recordings", wanted:
                return self._route_of_one(method, wanted, request)
            case method, "v2", "accounts", self.account_id, "webhooks", *rest:
                return Route(kind="webhook", answer=self._webhook_answer(method, rest))
            case _, "v2", "accounts", *_:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(403))
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404), guarded=False)

    def _route_of_one(self, method: str, wanted: str, request: Request) -> Route:
        if method == "GET":
            if self._type_wanted(request) == "audio":
                return Route(kind="media", answer=self._media, recording_id=wanted)
            return Route(kind="lookup", answer=self._get, recording_id=wanted)
        if method == "PATCH" and self.version == 5:
            return Route(kind="annotate", answer=self._patch, recording_id=wanted)
        if method == "DELETE":
            return Route(kind="delete", answer=self._delete, recording_id=wanted)
        return Route(kind="unknown", answer=lambda _request, _fault: self.error(405))

    def refusal(self, request: Request) -> Answer | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = request.headers.get("x-auth-token") or request.query.get("auth_token") or bearer
        return None if self._tokens.get(token, 0.0) > time.time() else self.error(401)

    def error(self, status: int, data: dict[str, object] | None = None) -> Answer:
        message = _MESSAGES.get(status, "error")
        document = {"data": data or {"message": message}, "error": str(status), "message": message, "status": "error"}
        return json_answer({**document, "request_id": hexadecimal(time.monotonic())}, status)

    def expire_tokens(self) -> None:
        """All tokens that were given out are refused from now on."""
        with self.lock:
            self._tokens.clear()

    def disable_webhooks(self) -> None:
        """Switches all webhooks off, as a cluster does after a few failures."""
        for hook in self.webhooks.values():
            hook["enabled"] = False

    def _is_over_limit(self) -> bool:
        if self.bucket is None:
            return False
        capacity, per_second = self.bucket
        now = time.monotonic()
        self._level = min(capacity, self._level + (now - self._leveled) * per_second)
        self._leveled = now
        if self._level < 1:
            return True
        self._level -= 1
        return False

    def _new_token(self) -> str:
        expires = int(time.time()) + self.token_seconds
        payload = {"account_id": self.account_id, "exp": expires, "jti": hexadecimal(self.seed, len(self._tokens))}
        head, claims = (base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "RS256"}, payload))
        signature = base64url(bytes.fromhex(hexadecimal(self.seed, head, claims, time.monotonic(), digits=64)))
        token = f"{head}.{claims}.{signature}"
        self._tokens[token] = expires
        self.confidential.add(token)
        return token

    def _envelope(
        self, request: Request, data: object, status: int = 200, more: Mapping[str, object] | None = None
    ) -> Answer:
        # The real envelope holds the token as well, which makes a logged body a leak.
        document = {
            "data": data,
            "status": "success",
            "auth_token": request.headers.get("x-auth-token", ""),
            "request_id": hexadecimal(time.monotonic()),
            "revision": '"simulated"',
            "node": "node-1",
            "version": f"{self.version}.0.0",
            "tokens": {"consumed": 1, "remaining": int(self._level)},
        }
        return json_answer({**document, **(more or {})}, status)

    def _data(self, request: Request) -> dict[str, Any]:
        try:
            data = json.loads(request.body)["data"]
        except (ValueError, LookupError, TypeError):
            return {}
        return data if isinstance(data, dict) else {}

    def _authenticate(self, request: Request, _fault: Fault | None) -> Answer:
        if self._data(request).get("api_key") != self._api_key:
            return self.error(404)
        token = self._new_token()
        data = {"account_id": self.account_id, "owner_id": self.users[0], "language": "en-us"}
        return self._envelope(request, data, 201, {"auth_token": token})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        query = request.query
        try:
            size = int(query.get("page_size", str(PAGE_SIZE)))
            key = json.loads(base64.urlsafe_b64decode(query["start_key"] + "==")) if "start_key" in query else None
        except ValueError:
            return self.error(400)
        try:
            first, last = self._range(request)
        except ValueError:
            # A filter that can't be read matches nothing, seen on a live 5.4 cluster by a third party.
            return self._envelope(request, [], more={"page_size": 0})
        if size < 1 or not 0 <= last - first <= MAX_RANGE:
            return self.error(400, {"created_from": {"date_range": {"message": "the range is too wide"}}})
        newest_first = query.get("ascending") != "true"
        rows = sorted(self._own_recordings(request), key=lambda row: (self.created(row), row.id), reverse=newest_first)
        rows = [row for row in rows if row.state != "deleted" and first <= self.created(row) <= last]
        keys = [[self.created(row), row.id] for row in rows]
        begin = sum((one > key[:2]) if newest_first else (one < key[:2]) for one in keys) if key else 0
        page, more = self.page(rows, begin, size, fault)
        ends: dict[str, object] = {"page_size": len(page), "start_key": query.get("start_key", "")}
        if more:
            following = keys[begin + size] if begin + size < len(keys) else keys[-1]
            ends["next_start_key"] = base64url(json.dumps([*following, len(self.log)]).encode())
        return self._envelope(request, [self._row_of(row) for row in page], more=ends)

    def _range(self, request: Request) -> tuple[int, int]:
        given = {name: int(request.query[name]) for name in ("created_from", "created_to") if name in request.query}
        if "created_from" in given:
            return given["created_from"], given.get("created_to", given["created_from"] + MAX_RANGE)
        last = given.get("created_to", int(time.time()) + GREGORIAN)
        return last - MAX_RANGE, last

    def _own_recordings(self, request: Request) -> list[SimulatedRecording]:
        owner = request.parts[4] if request.parts[3] == "users" else None
        return [row for row in self.rows() if owner in (None, self._owner(row))]

    def _owner(self, recording: SimulatedRecording) -> str | None:
        return [*self.users, None][recording.index % 3]

    def _document(self, recording: SimulatedRecording) -> dict[str, Any]:
        caller, callee = (f"+1415555{number(recording.id, who) % 10_000:04}" for who in ("from", "to"))
        started = int(recording.recorded_at.timestamp()) + GREGORIAN
        document = {
            "id": recording.id,
            "name": f"call_recording_{recording.call_id}.{recording.extension}",
            "content_type": recording.content_type,
            "media_type": recording.extension,
            "media_source": "recorded",
            "source_type": "call_recording",
            "from": f"{caller}@pbx.example",
            "to": f"{callee}@pbx.example",
            "direction": "inbound" if recording.index % 2 else "outbound",
            "start": started,
            "duration": recording.audio.duration_ms // 1000,
            "duration_ms": recording.audio.duration_ms,
            "caller_id_number": caller,
            "callee_id_number": callee,
            "call_id": recording.call_id,
            "cdr_id": f"{recording.recorded_at:%Y%m}-{recording.call_id}",
            "interaction_id": f"{started}-{hexadecimal(recording.call_id, digits=8)}",
            "owner_id": self._owner(recording),
        }
        if metadata := recording.details.get("user_metadata"):
            document["user_metadata"] = metadata
        return {name: value for name, value in document.items() if value is not None}

    def _row_of(self, recording: SimulatedRecording) -> dict[str, Any]:
        types = [recording.content_type] if recording.state == "ready" else []
        return {**self._document(recording), "_read_only": {"content_types": types}}

    def _type_wanted(self, request: Request) -> str:
        """The query wins over the header; among equal weights the later entry does."""
        best, chosen = 0.0, "json"
        for entry in (request.query.get("accept") or request.headers.get("accept", "*/*")).split(","):
            name, *params = (part.strip() for part in entry.lower().split(";"))
            weights = [match[1] for param in params if (match := re.fullmatch(r"q=([01](?:\.\d+)?)", param))]
            weight = float(weights[0]) if weights else 1.0
            kinds = {"audio/mpeg": "audio", "audio/mp3": "audio", "application/json": "json", "*/*": "json"}
            if name in kinds and weight >= best:
                best, chosen = weight, kinds[name]
        return chosen

    def _find(self, request: Request) -> SimulatedRecording | None:
        recording = self.recordings.get(request.parts[4])
        return None if recording is None or recording.state == "deleted" else recording

    def _missing(self, request: Request) -> Answer:
        return self.error(404, {"message": "bad identifier", "details": request.parts[4]})

    def _get(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        return self._envelope(request, self._row_of(recording)) if recording else self._missing(request)

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        if recording is None or recording.state != "ready":
            return self._missing(request)
        how = "inline" if request.query.get("inline") == "true" else "attachment"
        name = f"call_recording_{hexadecimal(recording.call_id)}.{recording.extension}"
        headers = {"Content-Disposition": f'{how}; filename="{name}"'}
        return Answer(body=recording.audio, content_type=recording.content_type, headers=headers)

    def _patch(self, request: Request, _fault: Fault | None) -> Answer:
        recording, data = self._find(request), self._data(request)
        if recording is None:
            return self._missing(request)
        if forbidden := sorted(data.keys() - {"user_metadata"}):
            return self.error(400, {forbidden[0]: {"forbidden": {"message": "this can't be changed"}}})
        if recording.state != "ready":
            return self.error(500)
        recording.details["user_metadata"] = recording.details.get("user_metadata", {}) | data.get("user_metadata", {})
        return self._envelope(request, self._document(recording))

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        if recording is None:
            return self._missing(request)
        recording.state = "deleted"
        return self._envelope(request, {**self._document(recording), "_read_only": {"deleted": True}})

    def _webhook_answer(self, method: str, rest: list[str]) -> Any:
        hook = self.webhooks.get(rest[0]) if rest else None

        def answer(request: Request, _fault: Fault | None) -> Answer:
            if rest and hook is None:
                return self.error(404)
            if method == "PUT" and not rest:
                made = {
                    "enabled": True,
                    **self._data(request),
                    "id": hexadecimal(self.seed, "hook", len(self.webhooks)),
                }
                self.webhooks[made["id"]] = made
                return self._envelope(request, made, 201)
            if method == "PATCH" and hook is not None:
                hook.update({name: value for name, value in self._data(request).items() if name != "id"})
            elif method != "GET":
                return self.error(405)
            return self._envelope(request, hook or list(self.webhooks.values()))

        return answer
