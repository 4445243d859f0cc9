"""Zoom Phone: lists by the end of calls, page tokens that die, tokens and links at another origin, transcripts."""

from __future__ import annotations

import base64
import hmac
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from simulators.audio import hexadecimal, number
from simulators.exchange import Host, Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

MAX_PAGE_SIZE = 300
LONGEST_RANGE = timedelta(days=31)


class Zoom(Simulator):
    """The Zoom Phone API.

    `token_seconds`, `cursor_seconds`: how long an access token and a page's token live. `links`: the origin where links
    to audio lead. `serves`: the origins that have the audio there. `redirects`: the audio itself lies elsewhere.
    `transcript_lookups`: how often a transcript is asked for until it is there. `waits_as_times`: Retry-After is an
    ISO 8601 time, as on the daily limit.
    """

    name: ClassVar[str] = "zoom"
    counted_hosts: ClassVar[tuple[Host, ...]] = ("own", "further")

    def __init__(
        self,
        *,
        token_seconds: int = 3600,
        cursor_seconds: float = 900,
        links: Literal["own", "further"] = "further",
        serves: tuple[Host, ...] = ("own", "further"),
        redirects: bool = True,
        transcript_lookups: int = 1,
        waits_as_times: bool = False,
        **common: Any,
    ) -> None:
        self.token_seconds, self.cursor_seconds = token_seconds, cursor_seconds
        self.links, self.serves, self.redirects = links, serves, redirects
        self.transcript_lookups, self.waits_as_times = transcript_lookups, waits_as_times
        super().__init__(**common)
        self.secret = {
            "account_id": hexadecimal(self.seed, "account", digits=22),
            "client_id": hexadecimal(self.seed, "client", digits=22),
            "client_secret": hexadecimal(self.seed, "client secret"),
        }
        pair = f"{self.secret['client_id']}:{self.secret['client_secret']}"
        self._basic = base64.b64encode(pair.encode()).decode()
        self.confidential |= {self.secret["client_secret"], self._basic}
        self._tokens: dict[str, float] = {}
        self._cursors: dict[str, tuple[int, str, float]] = {}
        self._transcripts_asked: dict[str, int] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.options = {"token_url": self.further_url, "media_url": self.further_url}
        return self

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        call = 7 * 10**18 + number(self.seed, index, "call")
        return hexadecimal(self.seed, index, "recording"), str(call)

    def route(self, request: Request) -> Route:
        match request.host, request.method, *request.parts:
            case "further", "POST", "oauth", "token":
                return Route(kind="token", answer=self._token, guarded=False)
            case "own", "GET", "v2", "phone", "recordings":
                return Route(kind="list", answer=self._list)
            case "own", "DELETE", "v2", "phone", "recordings", wanted:
                return Route(kind="delete", answer=self._delete, recording_id=wanted)
            case (("own" | "further"), "GET", "v2", "phone", "recording", "download", file_id):
                return Route(kind="media", answer=self._media, recording_id=file_id.removeprefix("file-"))
            case "own", "GET", "v2", "phone", "recording_transcript", "download", wanted:
                return Route(kind="transcript", answer=self._transcript, recording_id=wanted)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404))

    def refusal(self, request: Request) -> Answer | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if self._tokens.get(token, 0.0) > time.monotonic() else self.error(401)

    def error(self, status: int) -> Answer:
        texts = {
            401: (124, "Invalid access token."),
            404: (404, "It does not exist."),
            429: (429, "Too many requests."),
        }
        code, message = texts.get(status, (status, "Refused."))
        return json_answer({"code": code, "message": message}, status)

    def too_fast(self, seconds: float) -> Answer:
        """With the headers of its own, and a time rather than seconds where that is asked for."""
        answer = super().too_fast(seconds)
        told = {"X-RateLimit-Category": "MEDIUM", "X-RateLimit-Type": "QPS", "X-RateLimit-Remaining": "0"}
        if self.waits_as_times:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            told |= {"X-RateLimit-Type": "Daily-limit", "Retry-After": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        return replace(answer, headers={**answer.headers, **told})

    def expire_tokens(self) -> None:
        """All tokens that were given out are refused from now on."""
        with self.lock:
            self._tokens.clear()

    def _token(self, request: Request, _fault: Fault | None) -> Answer:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Basic {self._basic}".encode()):
            return json_answer({"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, 400)
        wanted = {"grant_type": "account_credentials", "account_id": self.secret["account_id"]}
        if {name: request.fields.get(name) for name in wanted} != wanted:
            return json_answer({"reason": "Bad request", "error": "invalid_request"}, 400)
        token = hexadecimal(self.seed, "token", len(self._tokens), time.monotonic(), digits=40)
        self._tokens[token] = time.monotonic() + self.token_seconds
        self.confidential.add(token)
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        query = request.query
        filters = "&".join(f"{name}={value}" for name, value in sorted(query.items()) if name != "next_page_token")
        offset, wanted_filters, until = self._cursors.get(query.get("next_page_token", ""), (0, filters, 1e12))
        known = "next_page_token" not in query or query["next_page_token"] in self._cursors
        if not known or wanted_filters != filters or until < time.monotonic():
            return json_answer({"code": 300, "message": "The next page token is invalid or expired."}, 400)
        try:
            first, last = (datetime.fromisoformat(query[name].replace("Z", "+00:00")) for name in ("from", "to"))
            size = min(int(query.get("page_size", "30")), MAX_PAGE_SIZE)
        except (ValueError, LookupError):
            return json_answer({"code": 300, "message": "Validation failed."}, 400)
        if last - first > LONGEST_RANGE:
            return json_answer({"code": 300, "message": "The range is longer than a month."}, 400)
        by_end = query.get("query_date_type") == "end_time"
        shown = [row for row in self.rows(newest_first=True) if row.state != "deleted"]
        rows = [row for row in shown if first <= (self._end(row) if by_end else row.recorded_at) <= last]
        page, more = self.page(rows, offset, size, fault)
        token = self._cursor(offset + len(page), filters) if more else ""
        answered = {"next_page_token": token, "page_size": size, "total_records": len(rows)}
        return json_answer({**answered, "recordings": [self._row(row) for row in page]})

    def _cursor(self, offset: int, filters: str) -> str:
        token = hexadecimal(self.seed, offset, filters, time.monotonic())
        self._cursors[token] = (offset, filters, time.monotonic() + self.cursor_seconds)
        return token

    @staticmethod
    def _end(recording: SimulatedRecording) -> datetime:
        return recording.recorded_at + timedelta(seconds=recording.audio.duration_ms // 1000)

    def _row(self, recording: SimulatedRecording) -> dict[str, object]:
        """One that is not ready is listed without links here; whether Zoom lists it at all is not known."""
        row: dict[str, object] = {
            "id": recording.id,
            "call_id": recording.call_id,
            "caller_name": "Ada Osei",
            "caller_number": f"+9991{number(self.seed, recording.index, 'from') % 10**8:08}",
            "callee_name": "Bo Lind",
            "callee_number": f"+9992{number(self.seed, recording.index, 'to') % 10**8:08}",
            "direction": "outbound" if recording.index % 3 == 0 else "inbound",
            "duration": recording.audio.duration_ms // 1000,
            "date_time": f"{recording.recorded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{self._end(recording).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "recording_type": "Automatic",
            "owner": {
                "type": "user",
                "id": hexadecimal(self.seed, "owner"),
                "name": "Bo Lind",
                "extension_number": 801,
            },
            "site": {"id": hexadecimal(self.seed, "site"), "name": "Main"},
            "auto_delete_enable": False,
        }
        if recording.state in ("ready", "failed"):
            origin = self.further_url if self.links == "further" else self.base_url
            quoted = self.quoted(recording.id)
            row["download_url"] = f"{origin}/v2/phone/recording/download/file-{quoted}"
            row["transcript_download_url"] = f"{origin}/v2/phone/recording_transcript/download/{quoted}"
        return row

    def _missing(self) -> Answer:
        return json_answer({"code": 404, "message": "The recording does not exist."}, 400)

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        file_id = request.parts[-1]
        recording = self.recordings.get(file_id.removeprefix("file-")) if file_id.startswith("file-") else None
        if recording is None or recording.state != "ready" or request.host not in self.serves:
            return self._missing()
        if self.redirects:
            return Answer(status=302, headers={"Location": self._elsewhere(recording.id)})
        return Answer(body=recording.audio, content_type="audio/mpeg")

    def _transcript(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self.recordings.get(request.parts[-1])
        if recording is None or recording.state != "ready":
            return self._missing()
        asked = self._transcripts_asked[recording.id] = self._transcripts_asked.get(recording.id, 0) + 1
        if asked <= self.transcript_lookups:
            return json_answer({"code": 12002, "message": "The transcript is being made."}, 400)
        lines = (("Ada Osei", "Hello."), ("Bo Lind", "Good morning."))
        timeline = [
            {"text": text, "ts": f"00:00:0{at}.000", "end_ts": f"00:00:0{at + 1}.000", "users": [{"username": name}]}
            for at, (name, text) in enumerate(lines)
        ]
        return json_answer({"type": "zoom_transcript", "ver": 1, "recording_id": recording.id, "timeline": timeline})

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self.recordings.get(request.parts[-1])
        if recording is None or recording.state == "deleted":
            return self._missing()
        recording.state = "deleted"
        return Answer(status=204)
