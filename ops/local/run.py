"""A local run from the deployment file to the exit code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from functions.archiver.errors import ArchiveTrouble
from functions.archiver.settings.deployment import Deployment, Source
from functions.archiver.settings.toml_file import read
from functions.archiver.throttling.intake import TICK_SECONDS as EVERY_MINUTE
from ops.archive.identity import keep_identity
from ops.local import earlier
from ops.local.archive import LOG, FolderArchive, disk_is_full, in_words, is_of_before, opened
from ops.local.books import held
from ops.local.clock import MovedClock
from ops.local.configuration import (
    check,
    forget_aws_environment,
    name_what_a_folder_cannot_keep,
    name_what_begins_later,
    secrets_of,
)
from ops.local.deleting import Deletion
from ops.local.ending import Ending, Errors, Verdict
from ops.local.engine.files import is_full
from ops.local.engine.local_engine import Gate
from ops.local.events import EventLog
from ops.local.functions import RequestLog, Sandbox
from ops.local.healing import Healing
from ops.local.heap import share_one_heap
from ops.local.host import OF_THE_RUN, FolderHost, Functions, Host
from ops.local.on_trouble import OnTrouble
from ops.local.options import Options
from ops.local.orphans import release_orphans
from ops.local.poller import Poller
from ops.local.progress import LogFile, Progress
from ops.local.schedules import Schedules
from ops.local.source import TICK_SECONDS, Firing, SourceDriver
from ops.local.sweep import expired, remove
from ops.local.webhook_server import WebhookServer
from ops.local.wiring import routes_of, schedules_of
from ops.seals.openssl import FileSigner, signer_of_folder
from ops.shell.output import ExitCode, Output

_STEP_SECONDS = 0.1
_STOP_SECONDS = 2.5
"""What is under way gets this long to come to its end when the run is stopped; the rest is dropped."""

_LOOK_EVERY_SECONDS = 60.0
_DELIVER_EVERY_SECONDS = 1.0


def run(options: Options, stopping: threading.Event, output: Output | None = None) -> int:
    """Archives everything that the sources hold into the folder; the exit code. Raises Misconfigured, Failure."""
    started = time.monotonic()
    share_one_heap()
    output = output or Output("local")
    deployment = read(options.deployment)
    secrets = secrets_of(options.secrets, deployment, output)
    forget_aws_environment()
    check(options, deployment, secrets)
    name_what_a_folder_cannot_keep(deployment, options, output)
    name_what_begins_later(deployment, datetime.now(UTC), output)
    signer = signer_of_folder(options.out, options.sign_key)
    with opened(options.out, "local", ledger=options.ledger, say=output.note) as archive:
        local = LocalRun(archive, deployment, secrets, options, stopping, output, started, signer)
        with in_words(archive.path):
            return local.run()


class LocalRun:
    """One run over one folder."""

    def __init__(
        self,
        archive: FolderArchive,
        deployment: Deployment,
        secrets: Mapping[str, str],
        options: Options,
        stopping: threading.Event,
        output: Output,
        started: float,
        signer: FileSigner | None,
    ) -> None:
        self._archive = archive
        self._deployment = deployment
        self._options = options
        self._stopping = stopping
        self._output = output
        self._started = started
        self._errors = Errors()
        self._gate = Gate()
        self._log = LogFile(archive.path / LOG, on_error=self._gate.close)
        self._requests = RequestLog()
        self._say: Callable[[str], None] = output.note
        self._host = self._host_of(secrets, signer)
        self._clocks = {source.name: MovedClock(skip_waits=options.skip_waits) for source in deployment.sources}
        self._functions = Functions(self._host, deployment, self._requests, self._clocks.__getitem__)
        self._events = EventLog(archive.path, archive.table, deployment.archive.name)
        self._healing: dict[str, Healing] = {}
        self._reporters: dict[str, Sandbox] = {}
        self._drivers = [self._driver(source) for source in deployment.sources]
        self._schedules = Schedules(
            [firing for driver in self._drivers for firing in driver.firings.values()], on_error=self._on_error
        )
        self._server = self._webhook_server(options.webhook_port)
        self._deletion = Deletion(dry_run=options.dry_run, say=lambda sentence: self._say(sentence))
        self._ending = Ending(archive, self._host, self._drivers, self._requests, started, options.zone)
        self._on_trouble = OnTrouble(options.on_trouble, archive)
        self._held = {driver.name: held(self._host.books.tally(driver.name)) for driver in self._drivers}

    # the parts

    def _host_of(self, secrets: Mapping[str, str], signer: FileSigner | None) -> Host:
        if self._options.engine == "moto":
            # Imported here: an emulator of AWS is for tests alone.
            from ops.local.moto.host import MotoHost

            return MotoHost(self._archive, self._deployment, secrets, self._log)
        tick_seconds = EVERY_MINUTE if self._options.serves else TICK_SECONDS
        return FolderHost(
            self._archive, self._deployment, secrets, self._log.note, self._gate, signer, tick_seconds=tick_seconds
        )

    def _driver(self, source: Source) -> SourceDriver:
        scheduled = schedules_of(source)
        functions = {name: self._functions.sandbox(source, name) for name in {each.function for each in scheduled}}
        firings = [Firing(scheduled=each, sandbox=functions[each.function]) for each in scheduled]
        runtime = self._functions.runtime(source, OF_THE_RUN)
        self._healing[source.name] = Healing(runtime, self._host.books, self._archive.bucket)
        self._reporters[source.name] = Sandbox("reconciler", runtime)
        return SourceDriver(
            name=source.name,
            firings={firing.action: firing for firing in firings},
            poller=Poller(
                self._host.queue(source.name),
                lanes=source.max_parallel_downloads,
                sandbox=partial(self._functions.sandbox, source, "downloader"),
                on_error=self._on_error,
            ),
            runtime=runtime,
            clock=self._clocks[source.name],
            on_error=self._on_error,
            say=lambda sentence: self._say(sentence),
            first=self._healing[source.name].take_up,
            real_time=self._options.real_time,
            skip_waits=self._options.skip_waits,
        )

    def _webhook_server(self, port: int | None) -> WebhookServer | None:
        if port is None:
            return None
        sources = {source.name: source for source in self._deployment.sources if source.webhook}
        routes = [route for source in sources.values() for route in routes_of(source)]
        makers = {name: partial(self._functions.sandbox, source, "webhook") for name, source in sources.items()}
        return WebhookServer(routes, makers, port, on_error=self._on_error)

    def _on_error(self, error: BaseException) -> None:
        if not self._gate.is_closed:
            self._errors.note(f"{type(error).__name__}: {error}")

    # the run

    def run(self) -> int:
        """Everything, in order; the exit code. Raises Misconfigured, Failure."""
        try:
            if not self._prepare():
                self._output.verdict("stopped by you; run it again to go on")
                return self._exit_code_when_stopped()
            with Progress(self._log, self._held) as progress:
                self._say = progress.say
                self._start()
                try:
                    self._work(progress)
                    if not self._options.serves and not self._was_interrupted():
                        self._walk_again(progress)
                finally:
                    self._stop()
                if not self._was_interrupted():
                    self._compare()
                progress.update()
            self._say = self._output.note
            return self._end()
        finally:
            self._log.close()

    def _prepare(self) -> bool:
        """Brings the ledger to where a run can begin; False when it was stopped meanwhile."""
        root = self._archive.path
        if is_of_before(root):
            if not earlier.take_over(root, self._host.table, say=self._say, stopped=self._stopping.is_set):
                return False
            self._held = {name: held(self._host.books.tally(name)) for name in self._held}
        keep_identity(root, self._deployment)
        if self._options.engine is None:
            self._archive.accept_layout()
            self._events.keep(on=self._deployment.archive.events)
        for driver in self._drivers:
            release_orphans(self._host.table, driver.name)
        return True

    def _start(self) -> None:
        """Starts every source; where it goes on, its schedules as well, which then fire as on AWS."""
        for driver in self._drivers:
            driver.runtime.mark_tick()  # else a first run, which may take days, looks as if nothing went on
            driver.start(listing=not self._options.serves)
        if self._options.serves:
            self._schedules.start()
        if self._server:
            self._server.start()
            print(f"listening on {self._server.url}", flush=True)

    def _work(self, progress: Progress) -> None:
        """Until nothing is left that this run may do; where it goes on, until it is stopped."""
        looked = delivered = time.monotonic()
        while not self._stopping.is_set() and not self._gate.is_closed:
            progress.update()
            if time.monotonic() - delivered > _DELIVER_EVERY_SECONDS:
                delivered = time.monotonic()
                self._events.deliver()
            if self._options.serves:
                if time.monotonic() - looked > _LOOK_EVERY_SECONDS:
                    looked = time.monotonic()
                    self._on_trouble.tell(self._verdict()[1])
            else:
                busy = [driver.step() for driver in self._drivers]
                if not any(busy):
                    return
            self._stopping.wait(_STEP_SECONDS)

    def _stop(self) -> None:
        """Waits until nothing runs any more. What still goes on after a while, when it was stopped, is dropped."""
        hurried = self._stopping.is_set() or self._gate.is_closed
        until = time.monotonic() + _STOP_SECONDS if hurried else None
        if self._server:
            self._server.stop(within=_STOP_SECONDS)
        self._schedules.stop(until=until)
        for driver in self._drivers:
            driver.stop(until=until)
        if hurried:
            self._gate.close()

    # the end

    def _was_interrupted(self) -> bool:
        return (self._stopping.is_set() and not self._options.serves) or self._gate.failure is not None

    def _walk_again(self, progress: Progress) -> None:
        """The comparison with the provider, if it is due or asked for; then what it has found is archived."""
        for driver in self._drivers:
            self._reconcile(driver)
        self._work(progress)

    def _compare(self) -> None:
        """Looks whether everything of the last days is there, and writes the reports that are due."""
        for driver in self._drivers:
            self._healing[driver.name].look()
            if not (self._options.serves and self._reconcile(driver)):
                self._report(driver)
            for sentence in self._deletion.sweep(driver):
                self._errors.note(sentence)
            self._sweep(driver)

    def _reconcile(self, driver: SourceDriver) -> bool:
        """Whether the comparison was due, or asked for, and has written its report."""
        if driver.given_up is not None or self._gate.is_closed:
            return False
        return driver.fire("", {"force": True} if self._options.reconcile else {}).get("report") is not None

    def _report(self, driver: SourceDriver) -> None:
        """The newest report once more, of what the run has changed."""
        try:
            self._reporters[driver.name].invoke({"action": "report"})
        except ArchiveTrouble as trouble:
            self._on_error(trouble)

    def _sweep(self, driver: SourceDriver) -> None:
        """Removes what is past its term; with --dry-run says what would go."""
        days = driver.runtime.settings.expire_after_days
        if days is None:
            return
        gone = 0
        for found in expired(self._host.books, driver.name, days, datetime.now(UTC)):
            gone += 1
            if self._options.dry_run:
                self._say(f"{found.sentence}: would be removed")
            else:
                remove(self._host.table, self._host.bucket, found, driver.runtime.ledger.retention())
        if gone and not self._options.dry_run:
            self._say(f"{driver.name}: {gone} recordings were past their term of {days} days and are removed")

    def _verdict(self) -> tuple[dict[str, object], Verdict]:
        figures = self._ending.figures()
        stopped = self._exit_code_when_stopped() if self._was_interrupted() else None
        healed = [line for healing in self._healing.values() for line in healing.healed]
        return figures, self._ending.verdict(figures, self._errors.lines, healed=healed, stopped=stopped)

    def _exit_code_when_stopped(self) -> ExitCode:
        return ExitCode(getattr(self._stopping, "code", ExitCode.INTERRUPTED))

    def _end(self) -> int:
        self._log.flush()
        if self._gate.failure is not None:
            raise self._disk_failure(self._gate.failure)
        for driver in self._drivers:
            driver.runtime.mark_tick()
        self._events.deliver()
        figures, verdict = self._verdict()
        self._ending.write_files(figures, verdict)
        found = {name: (before, self._log.of(name)["found"]) for name, before in self._held.items()}
        self._ending.tell(self._output, figures, verdict, found)
        self._on_trouble.tell(verdict)
        return verdict.code

    def _disk_failure(self, failure: Exception) -> Exception:
        if isinstance(failure, OSError) and is_full(failure):
            return disk_is_full(self._archive.path, failure)
        return failure
