"""Aircall: calls with a recording, a voicemail or neither, by page number; links that die; webhooks by API."""

from __future__ import annotations

import base64
import hmac
import json
import math
import time
from datetime import datetime
from typing import Any, ClassVar

from simulators.audio import hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

MAX_PAGE_SIZE = 50
MAX_ROWS = 10_000
"""Of one query, however many there are; no error says so."""

_FIRST_CALL = 800_000_000
_UNRECORDED = 900_000_000


class Aircall(Simulator):
    """Aircall's calls. Every fifth has a voicemail in place of a recording, and as many calls have neither.

    `max_rows`: how many calls a query lists at most. `link_seconds`: a signed link's life.
    """

    name: ClassVar[str] = "aircall"

    def __init__(self, *, max_rows: int = MAX_ROWS, link_seconds: float = 3600, **common: Any) -> None:
        super().__init__(**common)
        self.max_rows, self.link_seconds = max_rows, link_seconds
        self.secret = {"api_id": hexadecimal(self.seed, "id"), "api_token": hexadecimal(self.seed, "token")}
        self._basic = base64.b64encode(":".join(self.secret.values()).encode()).decode()
        self.confidential |= {self.secret["api_token"], self._basic}
        self.webhooks: dict[str, dict[str, Any]] = {}

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        call_id = str(_FIRST_CALL + number(self.seed) % 10_000_000 + index)
        return f"{call_id}-{'voicemail' if index % 5 == 4 else 'recording'}", call_id

    def route(self, request: Request) -> Route:
        match request.host, request.method, *request.parts:
            case "own", "GET", "v1", "calls":
                return Route(kind="list", answer=self._list)
            case "own", "GET", "v1", "calls", _:
                return Route(kind="lookup", answer=self._get)
            case "own", "DELETE", "v1", "calls", call_id, kind:
                return Route(kind="delete", answer=self._delete, recording_id=f"{call_id}-{kind}")
            case "own", "GET" | "POST" | "PUT", "v1", "webhooks", *_:
                return Route(kind="webhook", answer=self._webhook)
            case "other", "GET", "files", wanted:
                return Route(kind="media", answer=self._media, recording_id=wanted, guarded=False)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404), guarded=False)

    def refusal(self, request: Request) -> Answer | None:
        """401 without credentials, 403 with wrong ones."""
        given = request.headers.get("authorization", "")
        if not given:
            return self.error(401)
        return None if hmac.compare_digest(given.encode(), f"Basic {self._basic}".encode()) else self.error(403)

    def error(self, status: int) -> Answer:
        return json_answer({"error": f"Refused with {status}", "troubleshoot": "Read the reference"}, status)

    def too_fast(self, seconds: float) -> Answer:
        """Without Retry-After: when the limit is gone stands in a header of its own."""
        reset = str(math.ceil(time.time() + seconds))
        answer = super().too_fast(seconds)
        headers = {"X-AircallApi-Limit": str(self.rate), "X-AircallApi-Remaining": "0", "X-AircallApi-Reset": reset}
        kept = {name: value for name, value in answer.headers.items() if name != "Retry-After"}
        return Answer(status=429, body=answer.body, content_type=answer.content_type, headers={**kept, **headers})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        query = request.query
        try:
            first, last = int(query.get("from", "0")), int(query.get("to", "99999999999"))
            page, size = int(query.get("page", "1")), min(int(query.get("per_page", "20")), MAX_PAGE_SIZE)
        except ValueError:
            return self.error(400)
        rows = [row for row in self.rows() if first <= row.recorded_at.timestamp() <= last]
        shown = rows[: self.max_rows]
        page_of, more = self.page(shown, (page - 1) * size, size, fault)
        following = f"{self.base_url}/v1/calls?page={page + 1}" if more else None
        meta = {"total": len(rows), "count": len(page_of), "current_page": page, "next_page_link": following}
        calls = [self._call(row) for row in page_of]
        if page == 1 and calls and not fault:
            # Calls that nobody recorded; one more on the first page, with the times of another.
            calls.append({**calls[0], "id": _UNRECORDED + page_of[0].index, "recording": None, "voicemail": None})
            meta["total"] = len(rows) + 1
        return json_answer({"meta": meta, "calls": calls})

    def _call(self, recording: SimulatedRecording) -> dict[str, Any]:
        started, seconds = int(recording.recorded_at.timestamp()), max(recording.audio.duration_ms // 1000, 1)
        kind = recording.id.rpartition("-")[2]
        call: dict[str, Any] = {
            "id": int(recording.call_id) if recording.call_id.isdecimal() else recording.call_id,
            "direction": "outbound" if recording.index % 3 == 0 else "inbound",
            "status": "done",
            "started_at": started,
            "ended_at": started + seconds,
            "duration": seconds,
            "raw_digits": "anonymous" if recording.index % 7 == 6 else f"+33 1 99 00 {recording.index % 10_000:04}",
            "number": {"digits": "+33 1 98 00 00 01"},
            "user": {"name": ("Ada Osei", "Bo Lind", "Chiara Conti")[recording.index % 3]},
            "recording": None,
            "voicemail": None,
            "asset": f"https://assets.example/calls/{recording.call_id}",
        }
        if recording.state == "ready":
            call[kind] = self._link(recording)
        return call

    def _link(self, recording: SimulatedRecording) -> str:
        expires = int(time.time() + self.link_seconds)
        signature = self._signature(recording.id, str(expires))
        self.confidential.add(signature)
        return f"{self.other_url}/files/{self.quoted(recording.id)}?Expires={expires}&Signature={signature}"

    def _signature(self, id_: str, expires: str) -> str:
        return hmac.digest(self.secret["api_token"].encode(), f"{id_} {expires}".encode(), "sha256").hex()

    def _of_call(self, call_id: str) -> SimulatedRecording | None:
        return next((each for each in self.recordings.values() if each.call_id == call_id), None)

    def _get(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._of_call(request.parts[2])
        return json_answer({"call": self._call(recording)}) if recording else self.error(404)

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self.recordings.get(f"{request.parts[2]}-{request.parts[3]}")
        if recording is None or recording.state != "ready":
            return self.error(404)
        recording.state = "deleted"
        return Answer(status=204)

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        recording, expires = self.recordings.get(request.parts[1]), request.query.get("Expires", "0")
        right = self._signature(request.parts[1], expires)
        signed = hmac.compare_digest(request.query.get("Signature", "").encode(), right.encode())
        if recording is None or recording.state != "ready" or not signed or int(expires) < time.time():
            return self.error(403)
        return Answer(body=recording.audio, content_type=recording.content_type)

    def _webhook(self, request: Request, _fault: Fault | None) -> Answer:
        if request.method == "GET":
            return json_answer({"webhooks": list(self.webhooks.values())})
        try:
            given = json.loads(request.body)
        except ValueError:
            return self.error(400)
        id_ = request.parts[2] if len(request.parts) > 2 else hexadecimal(self.seed, "hook", len(self.webhooks))
        token = hexadecimal(self.seed, "hook token", id_)
        self.confidential.add(token)
        known = self.webhooks.get(id_, {"webhook_id": id_, "token": token, "active": True})
        self.webhooks[id_] = {**known, **given}
        return json_answer({"webhook": self.webhooks[id_]})
