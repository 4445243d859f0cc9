"""Genesys Cloud: conversations by whole days, files by conversation, links that are made when asked for, orphans."""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from simulators.audio import Audio, hexadecimal, number
from simulators.exchange import Request, Route, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

MAX_PAGE_SIZE = 100
STATES = {"ready": "AVAILABLE", "unfinished": "UPLOADING", "failed": "ERROR", "deleted": "DELETED"}
FORMATS = {"WAV": "wav", "MP3": "mp3"}


class Genesys(Simulator):
    """The platform API of Genesys Cloud.

    `token_seconds`: how long a token lives. `files_every`: each so manieth recording is one more of the conversation
    before. `made_after`: how often a recording is asked for until it is in the wanted format, 202 before.
    `orphan_ids`: they are in the list of orphans instead. `ignores_order`: the oldest conversations come first always.
    """

    name: ClassVar[str] = "genesys"

    def __init__(
        self,
        *,
        token_seconds: int = 86_400,
        files_every: int = 0,
        made_after: int = 0,
        ignores_order: bool = False,
        **common: Any,
    ) -> None:
        self.token_seconds, self.files_every, self.made_after = token_seconds, files_every, made_after
        self.ignores_order, self.orphan_ids = ignores_order, set[str]()
        super().__init__(**common)
        self.secret = {
            "client_id": self._uuid("client"),
            "client_secret": hexadecimal(self.seed, "client secret"),
        }
        pair = f"{self.secret['client_id']}:{self.secret['client_secret']}"
        self._basic = base64.b64encode(pair.encode()).decode()
        self.confidential |= {self.secret["client_secret"], self._basic}
        self._tokens: dict[str, float] = {}
        self._asked: dict[str, int] = {}
        self._links: dict[str, tuple[SimulatedRecording, str]] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.options = {"token_url": self.further_url}
        return self

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        is_further = bool(self.files_every) and index % self.files_every == self.files_every - 1
        return self._uuid("recording", index), self._uuid("conversation", index - is_further)

    def audio(self, index: int, size: int) -> Audio:
        """A WAV, into which it is made."""
        return Audio(format="wav", seed=f"{self.name}:{self.seed}:{index}", wanted_bytes=size)

    def route(self, request: Request) -> Route:
        match request.host, request.method, *request.parts:
            case "further", "POST", "oauth", "token":
                return Route(kind="token", answer=self._token, guarded=False)
            case "own", "POST", "api", "v2", "analytics", "conversations", "details", "query":
                return Route(kind="list", answer=self._list)
            case "own", "GET", "api", "v2", "conversations", _, "recordingmetadata":
                return Route(kind="files", answer=self._files)
            case "own", "GET", "api", "v2", "conversations", _, "recordings", wanted:
                return Route(kind="lookup", answer=self._lookup, recording_id=wanted)
            case "own", "PUT", "api", "v2", "conversations", _, "recordings", wanted:
                return Route(kind="delete", answer=self._delete, recording_id=wanted)
            case "own", "GET", "api", "v2", "orphanrecordings":
                return Route(kind="orphans", answer=self._orphans)
            case "own", "GET", "api", "v2", "orphanrecordings", wanted, "media":
                return Route(kind="lookup", answer=self._lookup, recording_id=wanted)
            case "other", "GET", "media", wanted:
                return Route(kind="media", answer=self._media, recording_id=wanted, guarded=False)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404))

    def refusal(self, request: Request) -> Answer | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if self._tokens.get(token, 0.0) > time.monotonic() else self.error(401)

    def error(self, status: int) -> Answer:
        codes = {401: "bad.credentials", 404: "not.found", 429: "too.many.requests"}
        return json_answer({"status": status, "code": codes.get(status, "error"), "message": "Refused"}, status)

    def _uuid(self, *what: object) -> str:
        digits = hexadecimal(self.seed, *what)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _token(self, request: Request, _fault: Fault | None) -> Answer:
        if request.headers.get("authorization") != f"Basic {self._basic}":
            return json_answer({"error": "invalid_client", "description": "authentication failed"}, 400)
        if request.fields.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        token = hexadecimal(self.seed, "token", len(self._tokens), time.monotonic(), digits=40)
        self._tokens[token] = time.monotonic() + self.token_seconds
        self.confidential.add(token)
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        """Every conversation that started on a day which the interval touches."""
        try:
            asked = json.loads(request.body)
            first, last = (datetime.fromisoformat(end.replace("Z", "+00:00")) for end in asked["interval"].split("/"))
            paging = asked.get("paging", {})
            size, page_number = min(int(paging.get("pageSize", 25)), MAX_PAGE_SIZE), int(paging.get("pageNumber", 1))
        except (ValueError, LookupError, TypeError):
            return self.error(400)
        newest_first = asked.get("order") == "desc" and not self.ignores_order
        calls = self._conversations(newest_first=newest_first)
        days = (first.astimezone(UTC).date(), last.astimezone(UTC).date())
        rows = [call[0] for call in calls.values() if days[0] <= call[0].recorded_at.astimezone(UTC).date() <= days[1]]
        page, _ = self.page(rows, (page_number - 1) * size, size, fault)
        answered: dict[str, object] = {"totalHits": 10**6 if fault and fault.kind == "endless" else len(rows)}
        if page:
            answered["conversations"] = [self._conversation(row) for row in page]
        return json_answer(answered)

    def _conversations(self, *, newest_first: bool) -> dict[str, list[SimulatedRecording]]:
        calls: dict[str, list[SimulatedRecording]] = defaultdict(list)
        for recording in self.rows(newest_first=newest_first):
            if recording.id not in self.orphan_ids:
                calls[recording.call_id].append(recording)
        return calls

    def _conversation(self, recording: SimulatedRecording) -> dict[str, object]:
        caller, called = (number(self.seed, recording.index, side) % 10**8 for side in ("from", "to"))
        session = {"mediaType": "voice", "ani": f"tel:+9991{caller:08}", "dnis": f"tel:+9992{called:08}"}
        return {
            "conversationId": recording.call_id,
            "conversationStart": _text_of(recording.recorded_at),
            "originatingDirection": "outbound" if recording.index % 3 == 0 else "inbound",
            "participants": [
                {"purpose": "customer", "participantName": "Ada Osei", "sessions": [{**session, "recording": True}]},
                {"purpose": "agent", "participantName": "Bo Lind", "sessions": [session]},
            ],
        }

    def _of(self, conversation: str) -> Sequence[SimulatedRecording]:
        return self._conversations(newest_first=False).get(conversation, ())

    def _files(self, request: Request, _fault: Fault | None) -> Answer:
        found = [self._row(recording) for recording in self._of(request.parts[-2])]
        return json_answer([*found, {"id": self._uuid("chat"), "media": "chat"}]) if found else self.error(404)

    def _row(self, recording: SimulatedRecording) -> dict[str, object]:
        ended = recording.recorded_at + timedelta(milliseconds=recording.audio.duration_ms)
        return {
            "id": recording.id,
            "conversationId": recording.call_id,
            "startTime": _text_of(recording.recorded_at),
            "endTime": _text_of(ended),
            "media": "audio",
            "mediaSubtype": "Trunk",
            "fileState": recording.details.get("state", STATES[recording.state]),
        }

    def _lookup(self, request: Request, _fault: Fault | None) -> Answer:
        """With links, one for each channel, once it is made."""
        is_orphan = request.parts[2] == "orphanrecordings"
        wanted = request.parts[3] if is_orphan else request.parts[-1]
        recording = self.recordings.get(wanted)
        if recording is None or (recording.id in self.orphan_ids) is not is_orphan:
            return self.error(404)
        if not is_orphan and recording.call_id != request.parts[3]:
            return self.error(404)
        row = self._row(recording)
        if row["fileState"] not in ("AVAILABLE", "RESTORED"):
            return json_answer(row)
        asked = self._asked[wanted] = self._asked.get(wanted, 0) + 1
        if asked <= self.made_after:
            return json_answer({}, 202)
        kind = FORMATS.get(request.query.get("formatId", "WEBM"))
        if kind is None:
            return self.error(400)
        channels = recording.details.get("channels", 1)
        row["mediaUris"] = {str(at): {"mediaUri": self._link(recording, kind, at)} for at in range(channels)}
        return json_answer(row)

    def _link(self, recording: SimulatedRecording, kind: str, channel: int) -> str:
        signature = hexadecimal(self.seed, recording.id, len(self._links))
        self._links[signature] = (recording, f"{kind}:{channel}")
        self.confidential.add(signature)
        query = urlencode({"Signature": signature})
        return f"{self.other_url}/media/{self.quoted(recording.id)}?{query}"

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        found = self._links.get(request.query.get("Signature", ""))
        if found is None or found[0].id not in self.recordings:
            return Answer(status=403)
        audio = self.channel(found[0], int(found[1].partition(":")[2]))
        if found[1].startswith("mp3"):
            audio = Audio(format="mp3", seed=audio.seed, wanted_bytes=audio.wanted_bytes)
        return Answer(body=audio, content_type=audio.content_type)

    @staticmethod
    def channel(recording: SimulatedRecording, channel: int) -> Audio:
        """The audio of one channel; the first is the recording's own."""
        audio = recording.audio
        return (
            Audio(format="wav", seed=f"{audio.seed}:{channel}", wanted_bytes=audio.wanted_bytes) if channel else audio
        )

    def _orphans(self, request: Request, _fault: Fault | None) -> Answer:
        size, page_number = int(request.query.get("pageSize", "25")), int(request.query.get("pageNumber", "1"))
        rows = [row for row in self.rows() if row.id in self.orphan_ids]
        page = rows[(page_number - 1) * size : page_number * size]
        entities = [{"id": row.id, "createdTime": _text_of(row.recorded_at), "mediaType": "CALL"} for row in page]
        return json_answer({"entities": entities, "pageNumber": page_number, "pageCount": -(-len(rows) // size)})

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        """Sets the date of its deletion, which then comes to pass at once here."""
        recording = self.recordings.get(request.parts[-1])
        if recording is None or not json.loads(request.body).get("deleteDate"):
            return self.error(404)
        recording.state = "deleted"
        return json_answer(self._row(recording))


def _text_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
