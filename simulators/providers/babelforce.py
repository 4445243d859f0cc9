"""babelforce: lists by page number, public links to the audio, OAuth client credentials or an older header pair."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import Any, ClassVar, Literal

from simulators.audio import hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

DEFAULT_MAX = 10
_HYPHENATED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Babelforce(Simulator):
    """babelforce's recordings API.

    `auth`: what is accepted; `secret` is OAuth's unless it is "headers". `token_seconds`: a token's life.
    `ignore_filters`: filters.state and filters.time are not looked at. `wrong_page_echo`: pagination.current is
    always 1. `newest_first`: the order of the list. `max_rows`: more are never sent on a page.
    `media_elsewhere`: the audio links lead to the other origin.
    """

    name: ClassVar[str] = "babelforce"
    credential_headers = ("authorization", "x-auth-access-id", "x-auth-access-token")

    def __init__(
        self,
        *,
        auth: Literal["oauth", "headers", "both"] = "oauth",
        token_seconds: int = 3600,
        ignore_filters: bool = False,
        wrong_page_echo: bool = False,
        newest_first: bool = True,
        max_rows: int = 100,
        media_elsewhere: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.auth, self.token_seconds = auth, token_seconds
        self.ignore_filters, self.wrong_page_echo = ignore_filters, wrong_page_echo
        self.newest_first, self.max_rows, self.media_elsewhere = newest_first, max_rows, media_elsewhere
        self._pair = {"access_id": self._uuid("id"), "access_token": hexadecimal(self.seed, "pair")}
        self._client = {"client_id": hexadecimal(self.seed, "client"), "client_secret": hexadecimal(self.seed, "key")}
        self.secret = self._pair if auth == "headers" else self._client
        self.account_uuid = self._uuid("account")
        self.confidential |= {self._pair["access_token"], self._client["client_secret"], self.account_uuid}
        self._tokens: dict[str, float] = {}

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        return hexadecimal(self.seed, index, "recording"), hexadecimal(self.seed, index, "call")

    def route(self, request: Request) -> Route:
        match request.method, *request.parts:
            case "POST", "oauth", "token":
                return Route(kind="token", answer=self._token, guarded=False)
            case "GET", "api", "v2", "recordings":
                return Route(kind="list", answer=self._list)
            case "POST", "api", "v2", "recordings", "bulk", "delete":
                return Route(kind="delete", answer=self._delete_many)
            case "GET", "api", "v2", "recordings", wanted:
                return Route(kind="lookup", answer=self._get, recording_id=wanted)
            case "PUT", "api", "v2", "recordings", wanted:
                return Route(kind="annotate", answer=self._tag, recording_id=wanted)
            case "DELETE", "api", "v2", "recordings", wanted:
                return Route(kind="delete", answer=self._delete, recording_id=wanted)
            case "GET", "api", "v2", "settings", "retention", "periods":
                return Route(kind="settings", answer=self._retention)
            case "GET", "recording", _, wanted, "stream.wav":
                return Route(kind="media", answer=self._media, recording_id=wanted, guarded=False)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404), guarded=False)

    def refusal(self, request: Request) -> Answer | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.auth != "headers" and self._tokens.get(token, 0.0) > time.monotonic():
            return None
        pair = {
            "access_id": request.headers.get("x-auth-access-id"),
            "access_token": request.headers.get("x-auth-access-token"),
        }
        return None if self.auth != "oauth" and pair == self._pair else self.error(401)

    def error(self, status: int) -> Answer:
        texts = {401: "Unauthorized", 403: "Access denied", 404: "Not found", 429: "Too many requests"}
        return json_answer({"success": False, "code": status, "message": texts.get(status, "Error")}, status)

    def expire_tokens(self) -> None:
        """All tokens that were given out are refused from now on."""
        with self.lock:
            self._tokens.clear()

    def _uuid(self, what: str) -> str:
        digits = hexadecimal(self.seed, what)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _token(self, request: Request, _fault: Fault | None) -> Answer:
        given = {name: request.fields.get(name) for name in ("client_id", "client_secret")}
        if request.fields.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        if self.auth == "headers" or given != self._client:
            return json_answer({"error": "invalid_client"}, 401)
        token = hexadecimal(self.seed, "token", len(self._tokens), time.monotonic(), digits=40)
        self._tokens[token] = time.monotonic() + self.token_seconds
        self.confidential.add(token)
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        try:
            number_of_page = max(1, int(request.query.get("page", "1")))
            size = min(max(1, int(request.query.get("max", str(DEFAULT_MAX)))), self.max_rows)
            rows = [
                recording for recording in self.rows(newest_first=self.newest_first) if self._in(recording, request)
            ]
        except ValueError:
            return self.error(400)
        page, more = self.page(rows, (number_of_page - 1) * size, size, fault)
        pages = number_of_page + 1 if fault and more else -(-len(rows) // size)
        pagination = {
            "pages": pages,
            "total": len(rows),
            "current": 1 if self.wrong_page_echo else number_of_page,
            "max": size,
        }
        return json_answer({"items": [self._row(row) for row in page], "pagination": pagination, "success": True})

    def _in(self, recording: SimulatedRecording, request: Request) -> bool:
        if self.ignore_filters:
            return True
        state = request.query.get("filters.state")
        moment = int(recording.recorded_at.timestamp())
        return (
            state in (None, self._states(recording)[0])
            and int(request.query.get("filters.time.start", "0")) <= moment
            and moment <= int(request.query.get("filters.time.end", str(moment)))
        )

    def _states(self, recording: SimulatedRecording) -> tuple[str, str]:
        # The call can be over while its file is still being stored: each second unfinished one looks like that.
        if recording.state == "unfinished":
            return ("recording", "created") if recording.index % 2 else ("stored", "storing")
        return {"ready": ("stored", "stored"), "failed": ("failed", "failed"), "deleted": ("deleted", "deleted")}[
            recording.state
        ]

    def _row(self, recording: SimulatedRecording) -> dict[str, object]:
        state, file_state = self._states(recording)
        ready = recording.state == "ready"
        created = recording.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        origin = self.other_url if self.media_elsewhere else self.base_url
        number_of_agent = number(self.seed, recording.index, "agent") % 5
        return {
            "id": recording.id,
            "dateCreated": created,
            "lastUpdated": created,
            "duration": recording.audio.duration_ms if ready else 0,
            "url": f"{origin}/recording/{self.account_uuid}/{self.quoted(recording.id)}/stream.wav" if ready else "",
            "tags": recording.details.get("tags", []),
            "file": {
                "id": hexadecimal(self.seed, recording.index, "file"),
                "state": file_state,
                "name": f"{recording.id}.mp3",
                "size": recording.size if ready else 0,
                "contentType": recording.content_type,
            },
            "state": state,
            "call": {
                "id": recording.call_id,
                "conversationId": hexadecimal(self.seed, recording.index, "conversation"),
                "type": "OUTBOUND" if recording.index % 3 == 0 else "INBOUND",
                "from": f"9991{number(self.seed, recording.index, 'from') % 10**8:08}",
                "to": f"9992{number(self.seed, recording.index, 'to') % 10**8:08}",
            },
            "agent": {
                "id": hexadecimal(self.seed, number_of_agent, "agent"),
                "name": ("Ada Osei", "Bo Lind", "Chiara Conti", "Dilan Kaya", "Eve Müller")[number_of_agent],
                "number": f"9993{number_of_agent:04}",
            },
            "_url": f"{self.base_url}/api/v2/recordings/{self.quoted(recording.id)}",
        }

    def _find(self, request: Request, at: int = 3) -> SimulatedRecording | None:
        # A hyphenated UUID is not found, although the documented format is just that.
        wanted = request.parts[at]
        return None if _HYPHENATED.fullmatch(wanted) else self.recordings.get(wanted)

    def _get(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        return json_answer(self._row(recording)) if recording else self.error(404)

    def _tag(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        if recording is None:
            return self.error(404)
        try:
            recording.details["tags"] = [str(tag) for tag in json.loads(request.body)["tags"]]
        except (ValueError, LookupError, TypeError):
            return self.error(400)
        return json_answer(self._row(recording))

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        if recording is None:
            return self.error(404)
        row = self._row(recording)
        self.remove(recording.id)
        return json_answer(row)

    def _delete_many(self, request: Request, _fault: Fault | None) -> Answer:
        try:
            wanted = [str(one) for one in json.loads(request.body)["ids"]]
        except (ValueError, LookupError, TypeError):
            return self.error(400)
        items = [{"id": one, "success": one in self.recordings} for one in wanted]
        for one in dict.fromkeys(wanted):
            if one in self.recordings:
                self.remove(one)
        return json_answer({"items": items, "success": True})

    def _retention(self, _request: Request, _fault: Fault | None) -> Answer:
        return json_answer(
            {"item": {"scope": "retention", "key": "periods", "data": {"recordings": 180}}, "success": True}
        )

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request, 2)
        if request.parts[1] != self.account_uuid or recording is None or recording.state != "ready":
            return self.error(404)
        return Answer(body=recording.audio, content_type="audio/mpeg")
