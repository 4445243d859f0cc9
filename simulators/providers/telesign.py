"""TeleSign: calls with one file or several, lists by opaque token, signed links on another origin, transcripts."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, ClassVar

from simulators.audio import Audio, hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

MAX_PAGE_SIZE = 100
_DATE = "%Y-%m-%dT%H:%M:%S"
_CODES = {400: -10001, 401: -30006, 403: -20002, 404: -10033, 429: -40007, 500: -90001, 503: -90002}
_DENIED = Answer(
    status=403,
    body=b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>',
    content_type="application/xml",
)


class TeleSign(Simulator):
    """TeleSign's call recording API. The id of a recording is its file name; three of ten files share a call.

    `link_seconds`: a signed link's life. `transcript_lookups`: how often a call has to be asked for until its
    transcripts are completed; 0: there are none. `undeletable`: file names that a delete request leaves behind.
    """

    name: ClassVar[str] = "telesign"

    def __init__(
        self,
        *,
        link_seconds: float = 3600,
        transcript_lookups: int = 1,
        undeletable: Collection[str] = (),
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.link_seconds, self.transcript_lookups, self.undeletable = link_seconds, transcript_lookups, undeletable
        api_key = base64.b64encode(bytes.fromhex(hexadecimal(self.seed, "key", digits=64))).decode()
        self.secret = {"customer_id": hexadecimal(self.seed, "customer").upper(), "api_key": api_key}
        self.confidential.add(api_key)
        self._basic = base64.b64encode(":".join(self.secret.values()).encode()).decode()
        self.confidential.add(self._basic)
        self._cursors: dict[str, tuple[datetime, datetime, int, int]] = {}
        self._lookups: dict[str, int] = {}

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        turn = index % 10
        call_id = hexadecimal(self.seed, index - turn if turn < 3 else index, "call").upper()
        return f"{call_id}_{int(recorded_at.timestamp()) + turn}.wav", call_id

    def audio(self, index: int, size: int) -> Audio:
        """Always a WAV."""
        return Audio(format="wav", seed=f"{self.name}:{self.seed}:{index}", wanted_bytes=size)

    def route(self, request: Request) -> Route:
        match request.host, request.method, *request.parts:
            case "own", "GET", "v2", "call_recording":
                return Route(kind="list", answer=self._list)
            case "own", "GET", "v2", "call_recording", _:
                return Route(kind="lookup", answer=self._get)
            case "own", "DELETE", "v2", "call_recording", _:
                return Route(kind="delete", answer=self._delete)
            case "other", "GET", "call_recording", wanted:
                return Route(kind="media", answer=self._media, recording_id=wanted, guarded=False)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404), guarded=False)

    def refusal(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "")
        if hmac.compare_digest(given.encode(), f"Basic {self._basic}".encode()):
            return None
        return self.error(401)

    def error(self, status: int) -> Answer:
        code = _CODES.get(status, -90001)
        document = {
            "status": {"code": code, "description": f"Refused with {status}", "updated_on": self._now()},
            "errors": [{"code": code, "description": f"Refused with {status}"}],
        }
        return json_answer(document, status)

    def expire_cursors(self) -> None:
        """All tokens of lists that were given out are refused from now on."""
        with self.lock:
            self._cursors.clear()

    @staticmethod
    def _now() -> str:
        return datetime.now(UTC).strftime(f"{_DATE}Z")

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        try:
            first, last, size, offset = self._position(request)
        except (ValueError, LookupError):
            return self.error(400)
        rows = [recording for recording in self.rows() if first <= recording.recorded_at <= last]
        page, more = self.page(rows, offset, size, fault)
        token = None
        if more:
            token = hexadecimal(self.seed, first, last, offset, len(self._cursors), digits=48)
            self._cursors[token] = (first, last, size, offset + size)
        return json_answer({"call_recordings": [self._row(row) for row in page], "token": token})

    def _position(self, request: Request) -> tuple[datetime, datetime, int, int]:
        query = request.query
        dates = [query[name] for name in ("start_date_time", "end_date_time") if name in query]
        if "token" in query:
            if dates:
                raise ValueError("a token excludes dates")
            return self._cursors[query["token"]]
        # Values without a zone only, and both of them.
        first, last = (datetime.strptime(date, _DATE).replace(tzinfo=UTC) for date in dates)
        size = int(query.get("pagesize", MAX_PAGE_SIZE))
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise ValueError("pagesize")
        return first, last, size, 0

    def _row(self, recording: SimulatedRecording) -> dict[str, object]:
        row: dict[str, object] = {"reference_id": recording.call_id}
        if recording.state != "unfinished":
            row["file_name"] = recording.id
        status = {"unfinished": "recording", "ready": "available", "failed": "failed", "deleted": "deleted"}
        return {**row, "status": status[recording.state], "date": recording.recorded_at.strftime(_DATE)}

    def _of_call(self, request: Request) -> list[SimulatedRecording]:
        call_id = request.parts[2]
        return [recording for recording in self.recordings.values() if recording.call_id == call_id]

    def _get(self, request: Request, _fault: Fault | None) -> Answer:
        files = self._of_call(request)
        if not files:
            return self.error(404)
        asked = self._lookups[request.parts[2]] = self._lookups.get(request.parts[2], 0) + 1
        return json_answer([self._resolve(recording, asked) for recording in files])

    def _resolve(self, recording: SimulatedRecording, asked: int) -> dict[str, object]:
        row = self._row(recording)
        if recording.state != "ready":
            return row
        row["url"] = self._link(recording)
        if self.transcript_lookups:
            done = asked >= self.transcript_lookups
            part = {"status": "completed", "result": self.spoken(recording)} if done else {"status": "processing"}
            row["transcribe"] = {"language_code": "en-US", "transcription": [part]}
        return row

    def spoken(self, recording: SimulatedRecording) -> str:
        """The transcript's text."""
        subject = ("an invoice", "a delivery", "a password", "an address")[number(recording.id) % 4]
        return f"Hello, this is call {recording.index}. I am calling about {subject}."

    def _link(self, recording: SimulatedRecording) -> str:
        expires = int(time.time() + self.link_seconds)
        signature = self._signature(recording.id, str(expires))
        self.confidential.add(signature)
        path = f"{self.other_url}/call_recording/{self.quoted(recording.id)}"
        return f"{path}?Expires={expires}&Signature={signature}&Key-Pair-Id={hexadecimal(self.seed, 'pair', digits=20)}"

    def _signature(self, file_name: str, expires: str) -> str:
        digest = hmac.digest(self.secret["api_key"].encode(), f"{file_name} {expires}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self.recordings.get(request.parts[1])
        expires = request.query.get("Expires", "")
        right = self._signature(request.parts[1], expires)
        signed = hmac.compare_digest(request.query.get("Signature", "").encode(), right.encode())
        # Where nothing may be listed, a missing object is refused like a wrong signature.
        if recording is None or recording.state != "ready" or not signed or int(expires) < time.time():
            return _DENIED
        return Answer(body=recording.audio, content_type=recording.content_type)

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        files = self._of_call(request)
        if not files:
            return self.error(404)
        kept = [recording.id for recording in files if recording.id in self.undeletable]
        for recording in files:
            if recording.id not in kept:
                recording.state = "deleted"
        if not kept:
            return Answer(status=204)
        gone = [recording.id for recording in files if recording.id not in kept]
        document = {"reference_id": request.parts[2], "succeed_delete": gone, "failed_delete": kept}
        return json_answer(document, 503)
