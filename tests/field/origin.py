"""A provider's simulator that answers as a case says, byte for byte where the case speaks of bytes."""

from __future__ import annotations

import gzip
import importlib
import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from simulators.audio import Audio
from simulators.exchange import Host, Request, SimulatedRecording
from simulators.faults import Answer
from simulators.server import Simulator
from tests.doubles.http_server import Answer as Sent
from tests.doubles.http_server import HttpServer, Seen
from tests.field.case import Case, Media

TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "aac": "audio/aac"}
ROWS = {"kazoo": "_document"}
"""The method of a simulator that writes a row, where it is not `_row`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed(Audio):
    """What the simulator says of the case's audio in its rows."""

    claimed_bytes: int
    claimed_type: str

    @property
    def size(self) -> int:
        return self.claimed_bytes

    @property
    def content_type(self) -> str:
        return self.claimed_type


class Origin(HttpServer):
    """One of the provider's two origins."""

    def __init__(self, world: World, host: Host) -> None:
        super().__init__()
        self._world = world
        self._host: Host = host

    def answer(self, seen: Seen) -> Sent:
        self.requests.append(seen)
        return self._world.answer(self._host, seen)


class World:
    """The provider of some cases on two origins of this machine. The first one's provider and list are everybody's.

    `targets` are the cases' recordings, in their order; `asked` counts the requests for the audio of each.
    """

    def __init__(self, *cases: Case, start: datetime, span: timedelta) -> None:
        self.cases = cases
        self.asked: Counter[str] = Counter()
        self._own, self._other = Origin(self, "own"), Origin(self, "other")
        # Another name for this machine, so that it is another host and not only another port.
        self._other.url = f"http://localhost:{self._other.port}"
        provider = cases[0].provider
        self.simulator = _simulator(provider)(
            recordings=0, start=start, span=span, sizes=(2_000, 2_000), **_options(provider)
        )
        self.simulator._servers = cast(Any, [_Origin(self._own.url), _Origin(self._other.url)])
        self.targets = [
            self._add(case, start + span / 2 + timedelta(seconds=number)) for number, case in enumerate(cases)
        ]
        self._case_of = {target.id: case for target, case in zip(self.targets, cases, strict=True)}
        self.companions = [
            self.simulator.add(recorded_at=start + span * (0.6 + 0.1 * number)) for number in range(cases[0].companions)
        ]
        write = ROWS.get(provider, "_row")
        plain = getattr(self.simulator, write)
        setattr(self.simulator, write, lambda recording: self._row(plain(recording), recording))

    @property
    def target(self) -> SimulatedRecording:
        """The first case's recording."""
        return self.targets[0]

    @property
    def fetches(self) -> int:
        """The requests for its audio."""
        return self.asked[self.target.id]

    @property
    def base_url(self) -> str:
        return self._own.url

    def _add(self, case: Case, moment: datetime) -> SimulatedRecording:
        last = case.media[-1].body
        call_id = case.id.partition("_")[0] if case.id else None
        target: SimulatedRecording = self.simulator.add(recording_id=case.id, call_id=call_id, recorded_at=moment)
        name = str(case.expect.get("bytes_of", ""))
        target.audio = Claimed(
            format="wav",
            seed="case",
            wanted_bytes=len(last),
            claimed_bytes=len(last),
            claimed_type=TYPES.get(name.rpartition(".")[2], "application/octet-stream"),
        )
        return target

    def _row(self, row: dict[str, Any], recording: SimulatedRecording) -> dict[str, Any]:
        case = self._case_of.get(recording.id)
        if case is None:
            return row
        row.pop("duration_ms", None)  # older versions of Kazoo give seconds alone
        row = _laid_over(row, cast("dict[str, Any]", self._placed(case.row, recording)))
        return {**row, "url": self._placed(case.url, recording)} if case.url else row

    def _placed(self, value: Any, target: SimulatedRecording) -> Any:
        """With the origins and the row's number in their places."""
        if isinstance(value, str):
            value = value.replace("{base}", self.base_url).replace("{other}", self._other.url)
            return value.replace("{n}", str(target.index))
        if isinstance(value, Mapping):
            return {name: self._placed(each, target) for name, each in value.items()}
        return [self._placed(each, target) for each in value] if isinstance(value, list) else value

    def answer(self, host: Host, seen: Seen) -> Sent:
        """What a request gets: a case's bytes for its audio, else what the simulator says."""
        for target, case in zip(self.targets, self.cases, strict=True):
            if case.media_path and unquote(seen.path).strip("/") == case.media_path:
                return self._media(target.id)
        with self.simulator.lock:
            served, answer = self.simulator._exchange(_request(host, seen))
        target_id = served.recording_id or ""
        if served.kind == "media" and target_id in self._case_of and answer.status == 200:
            if redirect := self._case_of[target_id].redirect:
                location = self._placed(redirect, self.simulator.recordings[target_id])
                return _head(302, [("Location", location), ("Content-Length", "0")])
            return self._media(target_id)
        return self._listed(answer) if served.kind in ("list", "report") else _sent(answer)

    def _media(self, target_id: str) -> bytes:
        answers = self._case_of[target_id].media
        media = answers[min(self.asked[target_id], len(answers) - 1)]
        self.asked[target_id] += 1
        return _media(media)

    def _listed(self, answer: Answer) -> bytes:
        listed, body = self.cases[0].listed, b"".join(answer.chunks())
        for old, new in (pair for case in self.cases for pair in case.listed.replace):
            body = body.replace(old, new)
        if listed.gzip:
            body = gzip.compress(body, mtime=0)
        headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(body))), *listed.headers]
        return _head(answer.status, headers, listed.before) + body

    def __enter__(self) -> World:
        self._own.__enter__()
        self._other.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._own.__exit__(None, None, None)
        self._other.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class _Origin:
    origin: str


def _simulator(provider: str) -> type[Any]:
    module = importlib.import_module(f"simulators.providers.{provider}")
    kinds = (each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Simulator))
    return next(each for each in kinds if each.__module__ == module.__name__)


def _options(provider: str) -> dict[str, Any]:
    special: dict[str, dict[str, Any]] = {"kazoo": {"bucket": None}, "telesign": {"transcript_lookups": 0}}
    return special.get(provider, {})


def _request(host: Host, seen: Seen) -> Request:
    is_form = seen.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return Request(
        method=seen.method,
        path=seen.path,
        query=seen.query,
        headers=seen.headers,
        body=seen.body,
        host=host,
        fields=dict(parse_qsl(seen.body.decode(), keep_blank_values=True)) if is_form else {},
    )


def _laid_over(row: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`row` with what `over` says of it; what is an object in both is laid over in turn."""
    return dict(row) | {name: _laid(row.get(name), value) for name, value in over.items()}


def _laid(below: Any, value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(below, Mapping):
        return _laid_over(below, value)
    return value


def _media(media: Media) -> bytes:
    given = {name.lower() for name, _ in media.headers}
    usual = [("Content-Type", "application/octet-stream")]
    body = media.body
    if media.framing == "length":
        usual.append(("Content-Length", str(len(body))))
    elif media.framing == "chunked":
        usual.append(("Transfer-Encoding", "chunked"))
        pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    headers = [*((name, value) for name, value in usual if name.lower() not in given), *media.headers]
    return _head(media.status, headers, media.before) + body


def _sent(answer: Answer) -> bytes:
    body = b"".join(answer.chunks())
    headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(body))), *answer.headers.items()]
    return _head(answer.status, headers) + body


def _head(status: int, headers: Sequence[tuple[str, str]], before: Sequence[str] = ()) -> bytes:
    first = "".join(f"HTTP/1.1 {each}\r\n\r\n" for each in before)
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*headers, ("Connection", "close")])
    return f"{first}HTTP/1.1 {status} Said\r\n{lines}\r\n".encode()
