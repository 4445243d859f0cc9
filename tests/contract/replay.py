"""A provider that replays its fixture on two origins of this machine, with faults in place of any of its answers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.contract.fixture import HOSTS, OF_ONE_RECORDING, Exchange, Fixture, Host, Names, renamed
from tests.doubles.http_server import Answer, Answering, HttpServer, Reply, Seen

ELSEWHERE = "/elsewhere"
"""A path of the other host that answers everything with an empty JSON object."""


class Origin(HttpServer):
    """One origin of the replayed provider."""

    def __init__(self, replay: Replay, host: Host) -> None:
        super().__init__()
        self._replay = replay
        self._host: Host = host

    def answer(self, seen: Seen) -> Answer:
        self.requests.append(seen)
        return self._replay.answer(self._host, seen)


class Replay:
    """Answers as the fixture says, for each of its recordings.

    `names` are exchanged in requests and answers. What `faults` holds for an exchange comes before its own answer;
    the last one stays if `lasting` names the exchange. `endless` answers every list request with the first page.
    """

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture
        self.own = Origin(self, "own")
        self.further = Origin(self, "further")
        self.other = Origin(self, "other")
        self.paced = 0
        # Another name for this machine, so that it is another host and not only another port.
        self.other.url = f"http://localhost:{self.other.port}"
        self.further.url = f"http://localhost:{self.further.port}"
        self.names: Names = {}
        self.faults: dict[str, list[Answering]] = defaultdict(list)
        self.lasting: set[str] = set()
        self.endless = False
        self.asked: Counter[str] = Counter()
        self.unknown: list[str] = []

    def fail(self, name: str, *faults: Answering) -> None:
        """The next requests of this exchange are answered so."""
        self.faults[name] = list(faults)

    def keep_failing(self, name: str, fault: Answering) -> None:
        """Every request of this exchange is answered so."""
        self.fail(name, fault)
        self.lasting.add(name)

    def reply(self, name: str, names: Names | None = None, number: int = 0) -> Reply:
        """The answer of an exchange, with other names; `number` is the recording that it is about."""
        exchange = self.fixture.exchanges[name]
        of = self.fixture.names_of(number) if name in OF_ONE_RECORDING else {}
        final = {first: renamed(then, self.names) for first, then in {**self.names, **of, **(names or {})}.items()}
        kind, body = exchange.body(final, self.fixture.ids[0])
        if not exchange.audio:
            body = self.addressed(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return Reply(status=exchange.status, headers={"Content-Type": kind}, body=body)

    def addressed(self, text: str) -> str:
        """With the hosts' addresses in place of their names."""
        for host in HOSTS:
            text = text.replace(f"{{{host}}}", getattr(self, host).url)
        return text

    def answer(self, host: Host, seen: Seen) -> Answer:
        """What a request gets."""
        if (host, seen.path) == ("other", ELSEWHERE):
            return Reply(headers={"Content-Type": "application/json"}, body=b"{}")
        found = self._found(host, seen)
        # A token request at an origin of its own is the only one to a trusted host that is not paced.
        self.paced += host == "own" or (host == "further" and (found is None or found[0].name != "token"))
        if found is None:
            self.unknown.append(f"{seen.method} {seen.path}")
            return Reply(status=404)
        exchange, number = found
        self.asked[exchange.name] += 1
        faults = self.faults[exchange.name]
        if faults:
            fault = faults[0] if exchange.name in self.lasting and len(faults) == 1 else faults.pop(0)
            return fault(seen) if callable(fault) else fault
        return self.reply("list" if self.endless and exchange.name == "last" else exchange.name, number=number)

    def _found(self, host: Host, seen: Seen) -> tuple[Exchange, int] | None:
        """The exchange that asks for most of what the request says, and the number of its recording."""
        fits = [(self._weight(exchange), exchange.name, -number) for exchange, number in self._fitting(host, seen)]
        if not fits:
            return None
        _, name, number = max(fits)
        return self.fixture.exchanges[name], -number

    def _fitting(self, host: Host, seen: Seen) -> Iterator[tuple[Exchange, int]]:
        given = {**seen.query, **_fields_of(seen)}
        segments = [unquote(segment) for segment in seen.path.split("/")]
        for exchange, number in product(self.fixture.exchanges.values(), range(len(self.fixture.recordings))):
            names = self._names_for(exchange, number)
            if exchange.at != host or exchange.method != seen.method or exchange.segments(names) != segments:
                continue
            wanted = exchange.fields(names)
            if self.endless and exchange.name == "last":
                wanted = {}
            if _holds(given, wanted) and _holds(seen.headers, exchange.headers):
                yield exchange, number

    def _names_for(self, exchange: Exchange, number: int) -> Names:
        of = self.fixture.names_of(number) if exchange.name in OF_ONE_RECORDING else {}
        return {first: renamed(then, self.names) for first, then in {**self.names, **of}.items()}

    def _weight(self, exchange: Exchange) -> int:
        return len(exchange.fields({})) + len(exchange.headers)

    def __enter__(self) -> Replay:
        self.own.__enter__()
        self.further.__enter__()
        self.other.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.own.__exit__(None, None, None)
        self.further.__exit__(None, None, None)
        self.other.__exit__(None, None, None)


def _fields_of(seen: Seen) -> Mapping[str, Any]:
    """Of a form or a JSON object; what an object holds within it is named with a dot, `paging.page`."""
    with suppress(ValueError):
        document = json.loads(seen.body)
        return dict(_flat(document)) if isinstance(document, dict) else {}
    return dict(parse_qsl(seen.body.decode("utf-8", "replace")))


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        yield name, value
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in _flat(value))


def _holds(given: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(name in given and str(given[name]) == value for name, value in wanted.items())
