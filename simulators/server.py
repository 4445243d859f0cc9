"""The common part of all simulators: the recordings, a log of every request, faults, and three origins on 127.0.0.1.

The second origin is for signed links and for redirects that leave the provider's own host; the third is a further one
of the provider's, for tokens or audio, which takes credentials.
"""

from __future__ import annotations

import bisect
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote

from simulators.audio import Audio, number
from simulators.exchange import Host, Request, Route, Served, SimulatedRecording
from simulators.faults import Answer, Fault, Faults, spoil
from simulators.wire import Server

HOSTILE_IDS = ("../../etc/passwd", "a/b", "..", "two words", "Ünïcødé-録音", "q?x=1&y#z", "100%25")


class Simulator(ABC):
    """A provider on 127.0.0.1, as a context manager.

    `recordings` files are spread over `span` from `start` (by default the two days up to an hour ago) and have
    sizes between the two of `sizes`, most of them small. The same seed gives the same ids and audio. More than `rate`
    requests in a minute are refused; None refuses none, whatever the vendor does.
    """

    name: ClassVar[str]
    credential_headers: ClassVar[tuple[str, ...]] = ("authorization",)
    counted_hosts: ClassVar[tuple[Host, ...]] = ("own",)
    """Where requests count in `rate` and in `busiest_window`."""

    def __init__(
        self,
        *,
        recordings: int = 60,
        seed: int = 1,
        faults: Iterable[Fault] = (),
        start: datetime | None = None,
        span: timedelta = timedelta(days=2),
        sizes: tuple[int, int] = (4_000, 2_000_000),
        unfinished: int = 0,
        hostile_ids: bool = False,
        port: int = 0,
        rate: int | None = None,
    ) -> None:
        self.port, self.rate = port, rate
        self.seed, self.span, self.sizes = seed, span, sizes
        self.start = start or datetime.now(UTC).replace(microsecond=0) - span - timedelta(hours=1)
        self.faults = Faults(faults)
        self.recordings: dict[str, SimulatedRecording] = {}
        self.removed: dict[str, SimulatedRecording] = {}
        self.log: list[Served] = []
        self.secret: dict[str, str] = {}
        self.options: dict[str, Any] = {}
        self.confidential: set[str] = set()
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._count = 0
        self._servers: list[Server] = []
        for index in range(recordings):
            late = index >= recordings - unfinished
            self.add(recorded_at=self._moment(index, recordings), state="unfinished" if late else "ready")
        for hostile in HOSTILE_IDS if hostile_ids else ():
            self.add(recording_id=hostile)

    @abstractmethod
    def route(self, request: Request) -> Route:
        """Which answer a request gets; an unknown path has a route as well."""

    @abstractmethod
    def refusal(self, request: Request) -> Answer | None:
        """The answer to wrong credentials; None when they are right."""

    @abstractmethod
    def error(self, status: int) -> Answer:
        """An error in the provider's manner."""

    @abstractmethod
    def ids(self, index: int, recorded_at: datetime) -> tuple[str, str]:
        """The ids of recording and call of the next recording."""

    def audio(self, index: int, size: int) -> Audio:
        """The audio of the next recording."""
        return Audio(format="mp3", seed=f"{self.name}:{self.seed}:{index}", wanted_bytes=size)

    def __enter__(self) -> Self:
        self._servers = [
            Server("own", self._exchange, self.stopping, self.port),
            Server("other", self._exchange, self.stopping),
            Server("further", self._exchange, self.stopping),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        for server in self._servers:
            server.stop()

    @property
    def base_url(self) -> str:
        """The provider's own origin."""
        return self._servers[0].origin

    @property
    def other_url(self) -> str:
        """The other origin."""
        return self._servers[1].origin

    @property
    def further_url(self) -> str:
        """The further origin."""
        return self._servers[2].origin

    @staticmethod
    def quoted(recording_id: str) -> str:
        """An id as one segment of a path."""
        return quote(recording_id, safe="") if recording_id.strip(".") else recording_id.replace(".", "%2E")

    def add(
        self,
        *,
        recording_id: str | None = None,
        call_id: str | None = None,
        recorded_at: datetime | None = None,
        size: int | None = None,
        state: Literal["ready", "unfinished", "failed", "deleted"] = "ready",
        hidden: bool = False,
    ) -> SimulatedRecording:
        """One more recording, also while running; by default at the end of the span."""
        with self.lock:
            index = self._count
            self._count += 1
            moment = (recorded_at or self.start + self.span).replace(microsecond=0)
            own_id, own_call = self.ids(index, moment)
            low, high = self.sizes
            chance = number(self.name, self.seed, index, "size") / 2**32
            recording = SimulatedRecording(
                id=recording_id or own_id,
                call_id=call_id or own_call,
                recorded_at=moment,
                audio=self.audio(index, size or round(low * (high / low) ** chance)),
                state=state,
                hidden=hidden,
                index=index,
            )
            self.recordings[recording.id] = recording
            return recording

    def finish(self, recording_id: str) -> None:
        """An unfinished recording becomes ready."""
        with self.lock:
            self.recordings[recording_id].state = "ready"

    def remove(self, recording_id: str) -> None:
        """A recording vanishes without a trace, as when the provider's retention ends."""
        with self.lock:
            self.removed[recording_id] = self.recordings.pop(recording_id)

    def rows(self, *, newest_first: bool = False) -> list[SimulatedRecording]:
        """The rows that a list may show, in order of time."""
        with self.lock:
            shown = [recording for recording in self.recordings.values() if not recording.hidden]
        return sorted(shown, key=lambda recording: (recording.recorded_at, recording.index), reverse=newest_first)

    def page(
        self, rows: Sequence[SimulatedRecording], first: int, size: int, fault: Fault | None
    ) -> tuple[list[SimulatedRecording], bool]:
        """The rows of one page from number `first` on, and whether more follow; the faults of lists strike here."""
        kind = fault.kind if fault else ""
        if kind == "empty_list":
            return [], False
        page, more = list(rows[first : first + size]), first + size < len(rows)
        if kind == "repeat_row" and first:
            page = [rows[first - 1], *page]
        if kind == "endless":
            page, more = page or list(rows[-size:]), True
        if kind == "vanish_row" and page:
            self.remove(page[0].id)
        if kind == "new_row":
            self.add()
        return page, more

    def truth(self) -> Iterator[dict[str, object]]:
        """The recordings that a complete archive holds, one at a time."""
        for recording in self.rows():
            yield {
                "recording_id": recording.id,
                "call_id": recording.call_id,
                "recorded_at": recording.recorded_at.isoformat(),
                "state": recording.state,
                "bytes": recording.size,
                "sha256": recording.sha256,
                "content_type": recording.content_type,
            }

    def served(self, kind: str) -> list[Served]:
        """The log's entries of one kind, in order of arrival."""
        return [entry for entry in list(self.log) if entry.kind == kind]

    def peak_parallel_media(self) -> int:
        """The most audio requests that were under way at the same moment, on both origins."""
        media = self.served("media")
        return max((sum(m.started <= at.started < m.ended for m in media) for at in media), default=0)

    def busiest_window(self, seconds: float = 60.0) -> int:
        """The most requests that the provider's counted origins got within any `seconds`."""
        starts = sorted(entry.started for entry in list(self.log) if entry.host in self.counted_hosts)
        return max((bisect.bisect_left(starts, at + seconds) - n for n, at in enumerate(starts)), default=0)

    def _exchange(self, request: Request) -> tuple[Served, Answer]:
        started = time.monotonic()
        with self.lock:
            is_elsewhere = request.host == "other" and request.parts[0] == "elsewhere"
            route = self._route_elsewhere(request) if is_elsewhere else self.route(request)
            fault = self.faults.take(route.kind, route.recording_id)
            entry = Served(
                kind=route.kind,
                method=request.method,
                path="/" + "/".join(request.parts),
                started=started,
                host=request.host,
                recording_id=route.recording_id,
                fault=fault.kind if fault else None,
                credentials=any(name in request.headers for name in self.credential_headers),
            )
            self.log.append(entry)
            if fault and fault.kind == "status":
                answer = self.error(int(fault.value or 500))
                if fault.retry_after is not None:
                    answer = replace(answer, headers={**answer.headers, "Retry-After": str(fault.retry_after)})
                return entry, answer
            refused = self._too_fast(entry) or (self.refusal(request) if route.guarded else None)
            answer = refused or route.answer(request, fault)
            if fault and not refused:
                answer = spoil(fault, answer, self._elsewhere(route.recording_id))
            return entry, answer

    def too_fast(self, seconds: float) -> Answer:
        """The answer to one request too many, in the provider's manner; another would be taken after so long."""
        answer = self.error(429)
        return replace(answer, headers={**answer.headers, "Retry-After": str(math.ceil(seconds))})

    def _too_fast(self, entry: Served) -> Answer | None:
        if self.rate is None or entry.host not in self.counted_hosts:
            return None
        counted = (each.started for each in self.log if each.host in self.counted_hosts)
        taken = [started for started in counted if started > entry.started - 60]
        if len(taken) <= self.rate:
            return None
        return self.too_fast(max(taken[-self.rate - 1] + 60 - entry.started, 1.0))

    def _elsewhere(self, recording_id: str | None) -> str:
        """Where a redirect leads: the same audio on the other origin, which asks for no credentials."""
        return f"{self.other_url}/elsewhere/{self.quoted(recording_id or 'nothing')}"

    def _route_elsewhere(self, request: Request) -> Route:
        wanted = request.parts[-1]
        recording = self.recordings.get(wanted)

        def answer(_request: Request, _fault: Fault | None) -> Answer:
            if recording is None or recording.state != "ready":
                return self.error(404)
            return Answer(body=recording.audio, content_type=recording.content_type)

        return Route(kind="media", answer=answer, recording_id=wanted, guarded=False)

    def _moment(self, index: int, count: int) -> datetime:
        share = (index + number(self.name, self.seed, index, "moment") / 2**32) / count
        return self.start + self.span * share
