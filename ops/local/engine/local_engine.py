"""The engine under one function of a local run: the archive's table and bucket, lanes in memory, a log in a file."""

from __future__ import annotations

import errno
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.engine import Log, Message
from functions.archiver.entry import Ticket
from functions.archiver.errors import ArchiveTrouble, Misconfigured, Service
from functions.archiver.http.auth import Tokens
from functions.archiver.ledger.table import Table
from functions.archiver.sealing.signing import Signer
from functions.archiver.settings.metrics import Metric
from functions.archiver.throttling.intake import TICK_SECONDS
from functions.archiver.throttling.lanes import Lanes
from ops.local.engine.errors import LedgerError

Write = Callable[[Mapping[str, Any]], None]

_LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What the disk says that will not be otherwise a moment later: the run ends."""


class Stopped(Exception):
    """The run has been stopped: what still goes on in its threads is dropped, and starts again in the next run."""


class Gate:
    """Open until the run is stopped, or its disk fails. Behind a closed one nobody writes or reads any more."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self.failure: OSError | LedgerError | None = None
        """What the disk said, if that is why the gate is closed."""

    def close(self, failure: OSError | LedgerError | None = None) -> None:
        """From now on every call of a port raises Stopped."""
        self.failure = self.failure or failure
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """Whether the run has been stopped."""
        return self._closed.is_set()


class _Watched:
    """A port whose calls are counted, end at the gate, and raise ArchiveTrouble when the disk is in trouble."""

    def __init__(self, port: object, name: str, calls: Counter[str], gate: Gate) -> None:
        self._port = port
        self._name = name
        self._calls = calls
        self._gate = gate

    def __getattr__(self, method: str) -> Any:
        call, name, calls, gate = getattr(self._port, method), f"{self._name}.{method}", self._calls, self._gate
        if not callable(call):
            return call  # what an engine is able to do

        def watched(*given: Any, **named: Any) -> Any:
            if gate.is_closed:
                raise Stopped("the run has been stopped")
            calls[name] += 1
            try:
                return call(*given, **named)
            except (OSError, LedgerError) as error:
                if not isinstance(error, OSError) or error.errno in _LASTING:
                    gate.close(error)
                raise ArchiveTrouble(Service.DISK, getattr(error, "strerror", None) or str(error)) from error

        setattr(self, method, watched)  # the next call finds it at once
        return watched


class _Sending:
    """Lanes to which sending nothing is no call."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        return self._lanes.send(tickets) if tickets else []


class JsonLog:
    """Hands each message on as an object of its fields."""

    def __init__(self, write: Write, *, service: str, source: str) -> None:
        self._write = write
        self._standing = {"service": service, "source": source}

    def info(self, message: str, /, **fields: object) -> None:
        """In the ordinary course."""
        self._emit("INFO", message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Logs something that a person may have to look at."""
        self._emit("ERROR", message, fields)

    def _emit(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write({"level": level, "message": message, "timestamp": now, **self._standing, **fields})


class LocalEngine:
    """The engine of one function of one source. `calls` counts its calls of the ports."""

    def __init__(
        self,
        *,
        table: Table,
        bucket: Bucket,
        lanes: Lanes,
        tokens: Tokens,
        secrets: Mapping[str, str],
        log: Log,
        calls: Counter[str],
        gate: Gate,
        tick_seconds: float = TICK_SECONDS,
        signer: Signer | None = None,
    ) -> None:
        self.signer = signer
        self.tick_seconds = tick_seconds
        self.table = cast("Table", _Watched(table, "table", calls, gate))
        self.bucket = cast("Bucket", _Watched(bucket, "store", calls, gate))
        self.lanes: Lanes = _Sending(cast("Lanes", _Watched(lanes, "lanes", calls, gate)))
        self.tokens: Tokens | None = tokens
        self.log = log
        self._secrets = secrets

    def secret(self, name: str, *, fresh: bool = False) -> str:
        """From the file of secrets."""
        try:
            return self._secrets[name]
        except KeyError:
            raise Misconfigured(f"the secret {name} is not in the file of secrets") from None

    def count(self, metrics: Mapping[Metric, float]) -> None:
        """A local run has nobody to send metrics to: its figures are in run.json."""

    def tell(self, message: Message) -> None:
        """A local run has nobody to send mails to either: it stands in the log."""
        self.log.info("told", subject=message.subject, text=message.text, urgent=message.urgent)


def as_line(fields: Mapping[str, Any]) -> str:
    """One line of the log."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"
