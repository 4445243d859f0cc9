"""Twilio: recordings by whole days and page tokens, newest first; one channel or two, encrypted, in other storage."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from simulators.audio import Audio, hexadecimal
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

MAX_PAGE_SIZE = 1000
VERSION = "2010-04-01"
_STATUSES = {"unfinished": "processing", "ready": "completed", "failed": "absent", "deleted": "deleted"}


class Twilio(Simulator):
    """Twilio's recordings of one account. Every other recording has two channels.

    `encrypted_every`: each so manieth file is encrypted for its owner; `external_every`: is kept in other storage.
    """

    name: ClassVar[str] = "twilio"

    def __init__(self, *, encrypted_every: int = 0, external_every: int = 0, **common: Any) -> None:
        self.encrypted_every, self.external_every = encrypted_every, external_every
        super().__init__(**common)
        self.sid = f"AC{hexadecimal(self.seed, 'account')}"
        self.secret = {"account_sid": self.sid, "auth_token": hexadecimal(self.seed, "token")}
        self._basic = base64.b64encode(":".join(self.secret.values()).encode()).decode()
        self.confidential |= {self.secret["auth_token"], self._basic}
        self._list_path = f"/{VERSION}/Accounts/{self.sid}/Recordings"

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        return f"RE{hexadecimal(self.seed, index, 'recording')}", f"CA{hexadecimal(self.seed, index, 'call')}"

    def audio(self, index: int, size: int) -> Audio:
        """A WAV, which is what comes where no format is asked for."""
        return Audio(format="wav", seed=f"{self.name}:{self.seed}:{index}", wanted_bytes=size)

    def route(self, request: Request) -> Route:
        match request.host, request.method, *request.parts:
            case "own", "GET", _, "Accounts", self.sid, "Recordings.json":
                return Route(kind="list", answer=self._list)
            case "own", "GET", _, "Accounts", self.sid, "Recordings", wanted if wanted.endswith(".json"):
                return Route(kind="lookup", answer=self._get)
            case "own", "DELETE", _, "Accounts", self.sid, "Recordings", _:
                return Route(kind="delete", answer=self._delete)
            case "own", "GET", _, "Accounts", self.sid, "Recordings", wanted:
                return Route(kind="media", answer=self._media, recording_id=wanted.rpartition(".")[0])
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404))

    def refusal(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "")
        return None if hmac.compare_digest(given.encode(), f"Basic {self._basic}".encode()) else self.error(401)

    def error(self, status: int) -> Answer:
        codes = {401: 20003, 404: 20404, 429: 20429}
        return json_answer({"code": codes.get(status, 20500), "message": "Refused", "status": status}, status)

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        query = request.query
        try:
            first = date.fromisoformat(query.get("DateCreated>", "2008-01-01")[:10])
            last = date.fromisoformat(query.get("DateCreated<", "2999-01-01")[:10])
            size = int(query.get("PageSize", "50"))
            offset = int(query.get("PageToken", "PA0").removeprefix("PA"))
        except ValueError:
            return self.error(400)
        shown = [row for row in self.rows(newest_first=True) if row.state != "deleted"]
        rows = [row for row in shown if first <= row.recorded_at.date() <= last]
        page, more = self.page(rows, offset, min(size, MAX_PAGE_SIZE), fault)
        following = {**query, "Page": offset // size + 1, "PageToken": f"PA{offset + len(page)}"}
        uri = f"{self._list_path}.json?{urlencode(following)}" if more else None
        return json_answer({"recordings": [self._row(row) for row in page], "page_size": size, "next_page_uri": uri})

    def _row(self, recording: SimulatedRecording) -> dict[str, object]:
        moment = format_datetime(recording.recorded_at.astimezone(UTC)).replace("GMT", "+0000")
        elsewhere = self._is_every(recording, self.external_every)
        return {
            "sid": recording.id,
            "account_sid": self.sid,
            "call_sid": recording.call_id,
            "status": _STATUSES[recording.state],
            "channels": self._channels(recording),
            "source": "DialVerb",
            "duration": str(recording.audio.duration_ms // 1000) if recording.state == "ready" else "-1",
            "start_time": moment,
            "date_created": moment,
            "error_code": 16101 if recording.state == "failed" else None,
            "encryption_details": self._encryption(recording),
            "media_url": "https://customer.example/bucket/file.wav"
            if elsewhere
            else f"{self.base_url}{self._list_path}/{self.quoted(recording.id)}",
            "uri": f"{self._list_path}/{self.quoted(recording.id)}.json",
        }

    def _encryption(self, recording: SimulatedRecording) -> dict[str, str] | None:
        if not self._is_every(recording, self.encrypted_every):
            return None
        key = base64.b64encode(f"sealed for {recording.id}".encode()).decode()
        return {"encryption_public_key_sid": "CR1", "encryption_cek": key, "encryption_iv": "aXY="}

    @staticmethod
    def _channels(recording: SimulatedRecording) -> int:
        return 2 if recording.index % 2 else 1

    @staticmethod
    def _is_every(recording: SimulatedRecording, every: int) -> bool:
        return bool(every) and recording.index % every == every - 1

    def _find(self, request: Request) -> SimulatedRecording | None:
        return self.recordings.get(request.parts[-1].rpartition(".")[0])

    def _get(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        return json_answer(self._row(recording)) if recording else self.error(404)

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self._find(request)
        if recording is None or recording.state == "deleted":
            return self.error(404)
        recording.state = "deleted"
        return Answer(status=204)

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        """404 until it is completed, or where it is kept elsewhere. Both channels are mixed unless they are asked for,
        which a recording of one refuses with 400.
        """
        recording, kind = self._find(request), request.parts[-1].rpartition(".")[2]
        if recording is None or recording.state != "ready" or kind not in ("wav", "mp3"):
            return self.error(404)
        channels, both = self._channels(recording), request.query.get("RequestedChannels") == "2"
        if self._is_every(recording, self.external_every):
            return self.error(404)
        if both and channels == 1:
            return self.error(400)
        if self._is_every(recording, self.encrypted_every):
            return Answer(body=self.encrypted(recording), content_type="audio/x-wav")
        audio = recording.audio
        if kind == "mp3" or (channels == 2 and not both):
            seed = audio.seed if both or channels == 1 else f"{audio.seed}:mixed"
            audio = Audio(format="mp3" if kind == "mp3" else "wav", seed=seed, wanted_bytes=audio.wanted_bytes)
        return Answer(body=audio, content_type=audio.content_type)

    @staticmethod
    def encrypted(recording: SimulatedRecording) -> bytes:
        """A stand-in for ciphertext: no format can be recognised in it."""
        return bytes(byte ^ 0xA5 for byte in recording.audio.read())
