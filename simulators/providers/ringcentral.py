"""RingCentral: a call log with recordings of calls and legs, audio at another origin, and limits that punish."""

from __future__ import annotations

import base64
import json
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from simulators.audio import hexadecimal, number
from simulators.exchange import Host, Request, Route, Served, SimulatedRecording
from simulators.faults import Answer, Fault, json_answer
from simulators.server import Simulator

ACCOUNT = "400100"
MAX_PAGE_SIZE = 1000
TOKENS_A_MINUTE = 5


class RingCentral(Simulator):
    """RingCentral's call log.

    `token_seconds`: how long a token lives. `links`: the origin where links to audio lead. `legs_every`: each so
    manieth recording belongs to a leg of the call before. `attached_late`: a recording that is not ready is in no list;
    otherwise its content is answered with 202. `penalty_seconds`: how long everything is refused after one request too
    many; each request in that time begins it anew, which `restarted` counts. `says_when`: refusals have a Retry-After.
    """

    name: ClassVar[str] = "ringcentral"
    counted_hosts: ClassVar[tuple[Host, ...]] = ("own", "further")

    def __init__(
        self,
        *,
        token_seconds: int = 3600,
        links: Literal["own", "further"] = "further",
        legs_every: int = 0,
        attached_late: bool = False,
        penalty_seconds: float = 30,
        says_when: bool = True,
        **common: Any,
    ) -> None:
        self.token_seconds, self.links, self.legs_every = token_seconds, links, legs_every
        self.attached_late, self.penalty_seconds, self.says_when = attached_late, penalty_seconds, says_when
        super().__init__(**common)
        self.secret = {
            "client_id": hexadecimal(self.seed, "client", digits=22),
            "client_secret": hexadecimal(self.seed, "client secret"),
            "jwt": ".".join(hexadecimal(self.seed, part) for part in ("header", "claims", "signature")),
        }
        pair = f"{self.secret['client_id']}:{self.secret['client_secret']}"
        self._basic = base64.b64encode(pair.encode()).decode()
        self.confidential |= {self.secret["client_secret"], self.secret["jwt"], self._basic}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.restarted = 0
        self._penalty_until = 0.0
        self._tokens: dict[str, float] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self.options = {"media_url": self.further_url}
        return self

    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        is_leg = bool(self.legs_every) and index % self.legs_every == self.legs_every - 1
        call = hexadecimal(self.seed, index - is_leg, "call")
        return str(4 * 10**11 + number(self.seed, index, "recording")), f"s-{call}"

    def route(self, request: Request) -> Route:
        account = ("restapi", "v1.0", "account")
        match request.host, request.method, *request.parts:
            case "own", "POST", "restapi", "oauth", "token":
                return Route(kind="token", answer=self._token, guarded=False)
            case "own", "GET", *path if path == [*account, "~", "call-log"]:
                kind = "lookup" if "telephonySessionId" in request.query else "list"
                return Route(kind=kind, answer=self._list)
            case "own", "DELETE", *path if path == [*account, "~", "call-recordings"]:
                return Route(kind="delete", answer=self._delete)
            case (("own" | "further"), "GET", "restapi", "v1.0", "account", _, "recording", wanted, "content"):
                return Route(kind="media", answer=self._media, recording_id=wanted)
            case "own", _, "restapi", "v1.0", "subscription", *_:
                return Route(kind="webhook", answer=self._subscription)
            case _:
                return Route(kind="unknown", answer=lambda _request, _fault: self.error(404))

    def refusal(self, request: Request) -> Answer | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if self._tokens.get(token, 0.0) > time.monotonic() else self.error(401)

    def error(self, status: int) -> Answer:
        codes = {401: "OAU-213", 404: "CMN-102", 429: "CMN-301"}
        return json_answer({"errorCode": codes.get(status, "CMN-211"), "message": "Refused"}, status)

    def too_fast(self, seconds: float) -> Answer:
        """With or without a wait."""
        told = {"Retry-After": str(math.ceil(seconds))} if self.says_when else {}
        return replace(self.error(429), headers=told)

    def _exchange(self, request: Request) -> tuple[Served, Answer]:
        """Every answer tells what is left of the limit of its group."""
        entry, answer = super()._exchange(request)
        if self.rate is None or entry.host not in self.counted_hosts:
            return entry, answer
        most = self._most(entry)
        left = {"X-Rate-Limit-Limit": str(most), "X-Rate-Limit-Remaining": str(max(most - self._taken(entry), 0))}
        left |= {"X-Rate-Limit-Group": "auth" if entry.kind == "token" else "heavy", "X-Rate-Limit-Window": "60"}
        return entry, replace(answer, headers={**left, **answer.headers})

    def _too_fast(self, entry: Served) -> Answer | None:
        if self.rate is None or entry.host not in self.counted_hosts:
            return None
        punished = entry.started < self._penalty_until
        self.restarted += punished
        if not punished and self._taken(entry) <= self._most(entry):
            return None
        self._penalty_until = entry.started + self.penalty_seconds
        return self.too_fast(self.penalty_seconds)

    def _most(self, entry: Served) -> int:
        return TOKENS_A_MINUTE if entry.kind == "token" else self.rate or 0

    def _taken(self, entry: Served) -> int:
        """Requests of the same group in the last minute, this one included."""
        is_token, since = entry.kind == "token", entry.started - 60
        counted = (each for each in self.log if each.host in self.counted_hosts and each.started > since)
        return sum((each.kind == "token") is is_token for each in counted)

    def _token(self, request: Request, _fault: Fault | None) -> Answer:
        wanted = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self.secret["jwt"]}
        if request.headers.get("authorization") != f"Basic {self._basic}":
            return json_answer({"error": "invalid_client", "errors": [{"errorCode": "OAU-153"}]}, 400)
        if {name: request.fields.get(name) for name in wanted} != wanted:
            return json_answer({"error": "invalid_grant", "errors": [{"errorCode": "OAU-251"}]}, 400)
        token = hexadecimal(self.seed, "token", len(self._tokens), time.monotonic(), digits=40)
        self._tokens[token] = time.monotonic() + self.token_seconds
        self.confidential.add(token)
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds})

    def _list(self, request: Request, fault: Fault | None) -> Answer:
        query = request.query
        try:
            last = _moment(query["dateTo"]) if "dateTo" in query else datetime.now(UTC)
            first = _moment(query["dateFrom"]) if "dateFrom" in query else last - timedelta(days=1)
            size = min(int(query.get("perPage", "100")), MAX_PAGE_SIZE)
            page_number = max(int(query.get("page", "1")), 1)
        except ValueError:
            return self.error(400)
        calls = self._calls()
        wanted = query.get("telephonySessionId")
        firsts = [call[0] for call in calls.values() if wanted in (None, call[0].call_id)]
        rows = [row for row in firsts if first <= row.recorded_at <= last]
        page, more = self.page(rows, (page_number - 1) * size, size, fault)
        records = [
            self._record(calls.get(row.call_id, [row]), detailed=query.get("view") == "Detailed") for row in page
        ]
        navigation = {"nextPage": {"uri": f"{self.base_url}{request.path}?page={page_number + 1}"}} if more else {}
        paging = {"page": page_number, "perPage": size}
        return json_answer({"records": records, "paging": paging, "navigation": navigation})

    def _calls(self) -> dict[str, list[SimulatedRecording]]:
        """The recordings of each call, the newest call first."""
        calls: dict[str, list[SimulatedRecording]] = defaultdict(list)
        for recording in self.rows(newest_first=True):
            if not (self.attached_late and recording.state == "unfinished"):
                calls[recording.call_id].insert(0, recording)
        return calls

    def _record(self, recordings: Sequence[SimulatedRecording], *, detailed: bool) -> dict[str, object]:
        first = recordings[0]
        record = self._leg(first)
        record |= {"id": f"X{first.index}", "sessionId": str(first.index), "telephonySessionId": first.call_id}
        if detailed:
            record["legs"] = [self._leg(each) for each in recordings]
        return record

    def _leg(self, recording: SimulatedRecording) -> dict[str, object]:
        origin = self.further_url if self.links == "further" else self.base_url
        uri = f"/restapi/v1.0/account/{ACCOUNT}/recording/{self.quoted(recording.id)}"
        caller, called = (number(self.seed, recording.index, side) % 10**8 for side in ("from", "to"))
        return {
            "startTime": f"{recording.recorded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "duration": recording.audio.duration_ms // 1000,
            "type": "Voice",
            "direction": "Outbound" if recording.index % 3 == 0 else "Inbound",
            "action": "Phone Call",
            "result": "Accepted",
            "from": {
                "phoneNumber": f"+9991{caller:08}",
                "name": "Ada Osei",
            },
            "to": {"phoneNumber": f"+9992{called:08}", "name": "Bo Lind"},
            "recording": {
                "id": recording.id,
                "type": "Automatic",
                "uri": f"{self.base_url}{uri}",
                "contentUri": f"{origin}{uri}/content",
            },
        }

    def _media(self, request: Request, _fault: Fault | None) -> Answer:
        recording = self.recordings.get(request.parts[-2])
        if recording is None or recording.state in ("failed", "deleted"):
            return self.error(404)
        if recording.state == "unfinished":
            return self.error(404) if self.attached_late else Answer(status=202)
        return Answer(body=recording.audio, content_type="audio/mpeg")

    def _delete(self, request: Request, _fault: Fault | None) -> Answer:
        """The audio goes, the call stays in the log."""
        try:
            wanted = [str(one) for one in json.loads(request.body)["records"]]
        except (ValueError, LookupError, TypeError):
            return self.error(400)
        if not all(one in self.recordings for one in wanted):
            return self.error(404)
        for one in wanted:
            self.recordings[one].state = "deleted"
        return Answer(status=204)

    def _subscription(self, request: Request, _fault: Fault | None) -> Answer:
        known = request.parts[-1]
        if request.method == "GET":
            return json_answer({"records": list(self.subscriptions.values())})
        if request.method == "DELETE":
            return Answer(status=204) if self.subscriptions.pop(known, None) else self.error(404)
        asked = json.loads(request.body)
        id_ = hexadecimal(self.seed, "subscription", len(self.subscriptions), asked["deliveryMode"]["address"])
        expires = datetime.now(UTC) + timedelta(seconds=asked["expiresIn"])
        self.subscriptions[id_] = {
            **asked,
            "id": id_,
            "status": "Active",
            "expirationTime": expires.isoformat().replace("+00:00", "Z"),
        }
        return json_answer(self.subscriptions[id_])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
