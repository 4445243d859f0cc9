"""Ports between which and their callers everything goes wrong that can: refused, slow, answered twice or not at all.

A fault stands at the call of a port and not within it: what a port promises to do in one step is held by its own
contract. Before each call, and after each write, whoever runs may be stopped or die.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, Literal, cast

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.ledger.table import Table
from functions.archiver.sealing.signing import Signer
from functions.archiver.throttling.lanes import Lanes
from tests.doubles.clock import FakeClock
from tests.property.interleaving import Actor, point, running

Fault = Literal["none", "refused", "slow", "lost", "repeated"]
"""`lost`: it took effect and its answer never came. `repeated`: so it was, and the SDK asked once more."""

WRITES = ("put_new", "update", "delete", "put", "begin", "send_part", "complete", "abort", "set_hold", "send", "sign")
REPEATED = ("put_new", "put", "complete", "abort", "set_hold", "send")
"""Writes that an SDK may send twice here; `update` is told apart by its condition, where it has one."""

_ONE_IN = (10, 40, 40, 150)
"""So many calls of a service to one that goes wrong, as the weather has it; writes go wrong three times as often."""

_SLOWEST_SECONDS = 20


class Faults:
    """Decides which calls go wrong: some of each service, and all of one that is `failing`."""

    def __init__(self, seed: int, clock: FakeClock) -> None:
        self.random = Random(f"faults {seed}")
        self.seed = seed
        self.clock = clock
        self.on = True
        self.weather_changes()
        self.failing: Service | None = None
        self.met: Counter[str] = Counter()
        self.begun: dict[str, Actor | None] = {}
        self.excused: set[str] = set()
        """Uploads that nobody could end: the answer with their id was lost, or ending them failed."""
        self._parts: Counter[str] = Counter()

    def weather_changes(self) -> None:
        """From now on each service has another share of calls that go wrong."""
        self._one_in = {service: self.random.choice(_ONE_IN) for service in Service}

    def wrap(self, port: object, service: Service) -> _Faulty:
        """The port with its faults."""
        return _Faulty(port, service, self)

    def drawn(self, service: Service, method: str, given: tuple[Any, ...]) -> Fault:
        """What happens to this call."""
        if not self.on or (running() is None and method != "send_part"):
            return "none"
        if self.failing is service:
            return "refused"
        random = self._of_part(given) if method == "send_part" else self.random
        if random.randrange(self._one_in[service]) >= (3 if method in WRITES else 1):
            return "none"
        kinds: tuple[Fault, ...] = ("refused", "slow")
        if method in WRITES:
            kinds = (*kinds, "lost", *(("repeated",) if method in REPEATED else ()))
        fault = random.choice(kinds)
        self.met[f"{service.value} {fault}"] += 1
        return fault

    def _of_part(self, given: tuple[Any, ...]) -> Random:
        """Parts are sent by a thread of their own, which must not disturb the order of everybody else's luck."""
        name = f"{given[0]} {given[2]}"
        self._parts[name] += 1
        return Random(f"{self.seed} {name} {self._parts[name]}")

    def slow(self) -> None:
        """Time passes in which nothing is answered."""
        self.clock.advance(timedelta(seconds=self.random.uniform(1, _SLOWEST_SECONDS)))

    def saw(self, method: str, given: tuple[Any, ...], result: object, fault: Fault) -> None:
        """Keeps account of the uploads that are open, and of those that somebody could not end."""
        if method == "begin":
            self.begun[str(result)] = running()
            if fault == "lost":
                self.excused.add(str(result))
        if method in ("abort", "complete") and fault != "refused":
            self.begun.pop(str(given[1]), None)
        if method == "abort" and fault == "refused":
            self.excused.add(str(given[1]))


class _Faulty:
    """One port of which calls go wrong."""

    def __init__(self, port: object, service: Service, faults: Faults) -> None:
        self._port = port
        self._service = service
        self._faults = faults

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        return self._watched(method, found) if callable(found) else found

    def _watched(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        faults, service = self._faults, self._service

        def watched(*given: Any, **named: Any) -> Any:
            point()
            fault = faults.drawn(service, method, given)
            if fault == "refused":
                faults.saw(method, given, None, fault)
                raise ArchiveTrouble(service, "ServiceUnavailable")
            if fault == "slow" and method != "send_part":
                faults.slow()
            result = call(*given, **named)
            faults.saw(method, given, result, fault)
            if method in WRITES:
                point()
            if fault == "repeated":
                return call(*given, **named)
            if fault == "lost":
                raise ArchiveTrouble(service, "RequestTimeout")
            return result

        return watched


def table_with(faults: Faults, table: Table) -> Table:
    """The ledger's table with its faults."""
    return cast("Table", faults.wrap(table, Service.DYNAMODB))


def bucket_with(faults: Faults, bucket: Bucket) -> Bucket:
    """The bucket with its faults."""
    return cast("Bucket", faults.wrap(bucket, Service.S3))


def lanes_with(faults: Faults, lanes: Lanes) -> Lanes:
    """The lanes with their faults."""
    return cast("Lanes", faults.wrap(lanes, Service.SQS))


def signer_with(faults: Faults, signer: Signer) -> Signer:
    """The key that signs, with its faults."""
    return cast("Signer", faults.wrap(signer, Service.KMS))
