"""A local run from the deployment file to the exit code."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from functions.archiver.entry import Entry, State
from functions.archiver.errors import Misconfigured
from functions.archiver.recording import TranscriptState
from functions.archiver.runtime import Runtime
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.toml_file import read
from ops.archive.identity import keep_identity
from ops.local.clock import MovedClock
from ops.local.embedded_aws import EmbeddedAws, calls_counted_as
from ops.local.folder import LOG, Folder
from ops.local.functions import RequestLog, Sandbox
from ops.local.options import STANDARD_INPUT, Options
from ops.local.poller import Poller
from ops.local.progress import LogFile, Progress, summary
from ops.local.schedules import Schedules
from ops.local.source import Firing, SourceDriver
from ops.local.synthesis import template_of
from ops.local.template import Function, Template
from ops.local.webhook_server import WebhookServer

COMPLETE, INCOMPLETE, WRONG_CONFIGURATION = 0, 1, 2

_STEP_SECONDS = 0.1
_SHORTEST_MOVE_SECONDS = 1.0


def run(options: Options, stopping: threading.Event) -> int:
    """Archives everything that the sources hold into the folder; the exit code. Raises Misconfigured."""
    _refuse_what_is_missing(options)
    deployment = read(options.deployment)
    secrets = _secrets(options.secrets, deployment)
    forget_aws_environment()
    started = time.monotonic()
    local = LocalArchive(deployment, secrets, options)
    try:
        local.check()
        local.restore()
        local.start()
        try:
            local.work(stopping)
        finally:
            local.stop()
        return local.report(time.monotonic() - started)
    finally:
        local.close()


def _refuse_what_is_missing(options: Options) -> None:
    """Better a sentence than an option without effect. Raises Misconfigured."""
    there = {"deployment", "secrets", "out", "webhook_port", "real_time", "skip_waits", "engine"}
    for field in fields(options):
        if field.name not in there and getattr(options, field.name):
            raise Misconfigured(f"--{field.name.replace('_', '-')}: this version has it not yet")


def _secrets(path: Path, deployment: Deployment) -> dict[str, str]:
    try:
        document = json.loads(sys.stdin.read() if path == STANDARD_INPUT else path.read_text())
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise Misconfigured(f"{path}: is not JSON") from None
    if not isinstance(document, dict):
        raise Misconfigured(f"{path}: must be a JSON object from secret names to objects")
    for source in deployment.sources:
        if not isinstance(document.get(source.secret), dict):
            raise Misconfigured(
                f"{path}: {source.secret} is missing or not an object, and sources.{source.name}.secret names it"
            )
    return {name: json.dumps(value) for name, value in document.items()}


def _folder(path: Path) -> Folder:
    try:
        return Folder(path)
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be used as the output folder ({error.strerror})") from None


def forget_aws_environment() -> None:
    """No profile, credentials or endpoint of the machine has any say in a local run."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"


class LocalArchive:
    """The template's archive, embedded: services, functions, pollers and schedules."""

    def __init__(self, deployment: Deployment, secrets: Mapping[str, str], options: Options) -> None:
        self._deployment = deployment
        self._options = options
        self._clock = MovedClock()
        self._folder = _folder(options.out)
        keep_identity(self._folder.path, deployment)
        self._log = LogFile(self._folder.path / LOG)
        self._requests = RequestLog()
        self._errors: list[str] = []
        self._aws = EmbeddedAws()
        self._template = Template(template_of(deployment))
        self._aws.make(self._template, secrets)
        self._aws.keep = self._folder.write
        functions = self._template.functions()
        self._drivers = [self._driver(source.name, functions) for source in deployment.sources]
        firings = [firing for driver in self._drivers for firing in driver.firings.values()]
        self._schedules = Schedules(firings, on_error=self._on_error)
        port = options.webhook_port
        self._server = None if port is None else self._webhook_server(port, functions)

    def check(self) -> None:
        """Asks nothing of a source, but says now what is wrong with its secret or an option. Raises Misconfigured."""
        for driver in self._drivers:
            try:
                driver.runtime.provider()
            except Misconfigured as mistake:
                raise Misconfigured(f"{self._options.deployment}: sources.{driver.name}: {mistake}") from None

    # the parts

    def _webhook_server(self, port: int, functions: Mapping[str, Function]) -> WebhookServer:
        routes = self._template.routes()
        sandboxes = {route.function: partial(self._sandbox, functions[route.function]) for route in routes}
        return WebhookServer(routes, sandboxes, port, on_error=self._on_error)

    def _sandbox(self, function: Function) -> Sandbox:
        return Sandbox(function, self._aws, self._clock, cast("IO[str]", self._log), self._requests)

    def _driver(self, source: str, functions: Mapping[str, Function]) -> SourceDriver:
        own = {
            logical_id: function
            for logical_id, function in functions.items()
            if json.loads(function.environment["SOURCE"])["name"] == source
        }
        sandboxes = {logical_id: self._sandbox(function) for logical_id, function in own.items()}
        firings = [
            Firing(scheduled=scheduled, sandbox=sandboxes[scheduled.function])
            for scheduled in self._template.schedules()
            if scheduled.function in own
        ]
        mapped = next(m for m in self._template.event_source_mappings() if m.function in own)
        downloader = own[mapped.function]
        poller = Poller(
            self._aws,
            self._template.physical[mapped.queue],
            lanes=sandboxes[mapped.function].runtime.settings.source.max_parallel_downloads,
            sandbox=lambda: self._sandbox(downloader),
            on_error=self._on_error,
        )
        return SourceDriver(
            name=source,
            firings={firing.action: firing for firing in firings},
            poller=poller,
            runtime=sandboxes[mapped.function].runtime,
            clock=self._clock,
            on_error=self._on_error,
        )

    def _on_error(self, error: BaseException) -> None:
        self._errors.append(f"{type(error).__name__}: {error}")

    def runtime(self, source: str) -> Runtime:
        """The parts of one source, for work by hand on the folder. Raises StopIteration for an unknown source."""
        return next(driver.runtime for driver in self._drivers if driver.name == source)

    # the run

    def restore(self) -> None:
        """Puts back what the folder holds, after checking every digest."""
        runtimes = {driver.name: driver.runtime for driver in self._drivers}
        with calls_counted_as("restore"):
            for entry, sidecar in self._folder.archived():
                if entry.source in runtimes:
                    ledger = runtimes[entry.source].ledger
                    ledger.restore(entry)
                    if sidecar.get("transcript") == TranscriptState.PENDING.value:
                        ledger.insert_transcript(entry, due_in=timedelta())
            for entry in self._folder.unfinished():
                if entry.source in runtimes:
                    runtimes[entry.source].ledger.restore(entry)

    def start(self) -> None:
        """Starts every source; where webhooks are served, its schedules as well, which then fire as on AWS."""
        for driver in self._drivers:
            driver.start(listing=self._server is None)
        if self._server:
            self._schedules.start()
            self._server.start()
            print(f"listening on {self._server.url}", flush=True)

    def stop(self) -> None:
        """Waits until nothing runs any more."""
        if self._server:
            self._server.stop()
            self._schedules.stop()
        for driver in self._drivers:
            driver.stop()

    def work(self, stopping: threading.Event) -> None:
        """Until nothing is visible and nothing is due, now or later; where webhooks are served, until it is stopped."""
        with Progress(self._log, [driver.name for driver in self._drivers]) as progress:
            while not stopping.wait(_STEP_SECONDS):
                progress.update()
                if self._server:
                    continue
                busy = [driver.step() for driver in self._drivers]
                if any(busy):
                    continue
                if not self._move_on(stopping):
                    return

    def _move_on(self, stopping: threading.Event) -> bool:
        """Skips, or waits, to the next moment at which anything is due; False when nothing waits."""
        dues = [due for due in (driver.next_due() for driver in self._drivers) if due]
        if not dues:
            return False
        ahead = (min(dues) - self._clock.due_now()).total_seconds()
        if self._options.real_time:
            stopping.wait(max(min(ahead, 60.0), _SHORTEST_MOVE_SECONDS))
        else:
            self._clock.move_to(min(dues))
            stopping.wait(_SHORTEST_MOVE_SECONDS)
        return True

    # the end

    def close(self) -> None:
        """Lets go of the folder."""
        self._log.close()

    def _entries(self) -> Iterator[Entry]:
        for driver in self._drivers:
            yield from driver.runtime.ledger.everything()

    def write_ledger(self) -> list[Entry]:
        """Writes every recording that is known into the folder's ledger, and returns them."""
        entries = list(self._entries())
        self._folder.write_ledger(entries)
        return entries

    def report(self, seconds: float) -> int:
        """Writes the figures, prints the table and what a person has to look at; the exit code."""
        self._log.flush()
        with calls_counted_as("report"):
            entries = self.write_ledger()
            figures = self._figures(entries, seconds)
        self._folder.write_run(figures)
        sizes: Counter[str] = Counter()
        for entry in entries:
            sizes[entry.source] += entry.stored.size_bytes if entry.stored else 0
        summary(figures, sizes)
        complaints = self._complaints(entries)
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        print(f"The archive is in {self._folder.path}")
        return INCOMPLETE if complaints else COMPLETE

    def _figures(self, entries: list[Entry], seconds: float) -> dict[str, Any]:
        by_source = {driver.name: [e for e in entries if e.source == driver.name] for driver in self._drivers}
        return {
            "seconds": round(seconds, 3),
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "sources": {driver.name: self._source_figures(driver, by_source[driver.name]) for driver in self._drivers},
            "aws_calls": {
                name: dict(sorted(calls.items()))
                for name, calls in sorted(self._aws.calls.items())
                if name not in _OURS
            },
        }

    def _source_figures(self, driver: SourceDriver, entries: list[Entry]) -> dict[str, Any]:
        states = Counter(entry.state for entry in entries)
        closed_until = driver.gate().closed_until
        return {
            "archived": states[State.ARCHIVED],
            "gone": states[State.GONE],
            "failed": states[State.FAILED],
            "pending": states[State.PENDING] + states[State.QUEUED],
            "requests": dict(sorted(self._requests.kinds[driver.name].items())),
            "requests_per_minute": self._requests.per_minute(driver.name),
            "allowed_per_minute": driver.runtime.settings.source.requests_per_minute,
            "closed_until": closed_until.isoformat() if closed_until else None,
        }

    def _complaints(self, entries: list[Entry]) -> list[str]:
        lines = [
            f"{entry.source}: {entry.recording.id!r} is {entry.state.value}: {entry.reason}"
            for entry in entries
            if entry.state not in (State.ARCHIVED, State.GONE)
        ]
        for driver in self._drivers:
            if driver.given_up:
                lines.append(f"{driver.name}: stopped after several probes: {driver.given_up}")
            elif not driver.closed_cleanly():
                lines.append(f"{driver.name}: not every window was read cleanly: {self._unclean(driver)}")
        return lines + self._errors

    @staticmethod
    def _unclean(driver: SourceDriver) -> str:
        spans = [f"{u.start:%Y-%m-%d %H:%M} to {u.end:%Y-%m-%d %H:%M}: {u.reason}" for u in driver.progress().unclean]
        return "; ".join(spans) or "listing did not come to its end"


_OURS = ("setup", "restore", "report")
