"""The end of a local run: its figures, what a person has to look at, the files that say so, and the exit code."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from ops.archive.identity import identity_of
from ops.local import journal
from ops.local.archive import LEDGER, RUN, RUNS, SHOWN, FolderArchive
from ops.local.books import Books, counts_of
from ops.local.functions import RequestLog
from ops.local.heap import peak_bytes
from ops.local.host import OF_THE_RUN, Host
from ops.local.ledger_file import lines_of
from ops.local.progress import megabytes, summary_columns
from ops.local.source import SourceDriver
from ops.shell.command_line import command_line, for_archive
from ops.shell.output import Column, ExitCode, Output
from ops.shell.texts import are, counted

NAMED = 20
"""Recordings that need a look and are named one by one; `find` shows all."""

MOST_ERRORS = 100
"""Different ones that a run remembers: enough for a person to see what is wrong."""

_LOOK_AT = ("failed", "quarantined")
_CHANGED = ("altered", "absent")
_MANY_ROWS = 200_000
_DAY_SECONDS = 24 * 3600


@dataclass(kw_only=True, slots=True)
class Verdict:
    """The verdict on a run. `lines` are for a person, one for each thing to look at."""

    code: ExitCode
    last: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """As `--on-trouble` gets it."""
        return "\n".join([*self.lines, self.last]) + "\n"


class Errors:
    """What went wrong, each sentence once: a run that goes on for years may meet the same trouble every minute."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def note(self, sentence: str) -> None:
        """One more, unless it was said before or there are very many."""
        if len(self._sentences) < MOST_ERRORS:
            self._sentences[sentence] = None

    @property
    def lines(self) -> list[str]:
        """In the order in which they came first."""
        return list(self._sentences)


class Ending:
    """Knows what became of the sources of one run."""

    def __init__(
        self,
        archive: FolderArchive,
        host: Host,
        drivers: list[SourceDriver],
        requests: RequestLog,
        started: float,
        zone: tzinfo | None,
    ) -> None:
        self._archive = archive
        self._books: Books = host.books
        self._host = host
        self._drivers = drivers
        self._requests = requests
        self._started = started
        self._zone = zone

    # figures

    def figures(self) -> dict[str, Any]:
        """As run.json has them."""
        return {
            **self._taken(),
            "sources": {driver.name: self._of_source(driver) for driver in self._drivers},
            "calls": {
                name: dict(sorted(calls.items()))
                for name, calls in sorted(self._host.calls.items())
                if name != OF_THE_RUN
            },
        }

    def _taken(self) -> dict[str, float]:
        """What the run has taken up to now."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "peak_rss_bytes": peak_bytes(),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        }

    def _of_source(self, driver: SourceDriver) -> dict[str, Any]:
        gate = driver.gate()
        counts = counts_of(self._books.tally(driver.name), erased=self._books.erased(driver.name))
        state, reason = self._state(driver, counts)
        return {
            **counts,
            "requests": dict(sorted(self._requests.kinds[driver.name].items())),
            "requests_per_minute": self._requests.per_minute(driver.name),
            "allowed_per_minute": driver.runtime.settings.source.requests_per_minute,
            "state": state,
            "reason": reason,
            "closed_until": gate.closed_until.isoformat() if gate.closed_until else None,
        }

    @staticmethod
    def _state(driver: SourceDriver, counts: Mapping[str, int]) -> tuple[str, str | None]:
        """The source's state, by the words of `status`, and why."""
        gate = driver.gate()
        if gate.pause:
            return "paused", gate.pause.sentence
        if driver.given_up or gate.closed_until:
            return "blocked", driver.given_up or gate.reason
        if counts["failed"]:
            return "failing", f"{counted(counts['failed'])} failed"
        if unclean := driver.unclean():
            return "unsure", unclean
        if counts["waiting"]:
            return "behind", f"{counts['waiting']} recordings wait"
        return "healthy", None

    # judgement

    def verdict(
        self, figures: Mapping[str, Any], errors: list[str], *, healed: list[str], stopped: ExitCode | None = None
    ) -> Verdict:
        """The exit code and everything that a person should know.

        `healed` says what was altered or absent and is archived again; `stopped` is the code of a run that was ended.
        """
        sources = figures["sources"]
        named = [line for driver in self._drivers for line in self._named(driver, sources[driver.name])]
        if stopped is not None:
            waiting = sum(source["waiting"] for source in sources.values())
            last = f"stopped by you; {waiting} {_wait(waiting)}; run it again to go on"
            return Verdict(code=stopped, last=last, lines=[*healed, *named, *errors])
        unfinished = [line for driver in self._drivers for line in self._unfinished(driver, sources[driver.name])]
        lines = [*healed, *named, *unfinished, *errors]
        changed = sum(source[name] for source in sources.values() for name in _CHANGED)
        if changed or healed:
            return Verdict(code=ExitCode.ALTERED, last=_not_as_archived(changed, len(healed)), lines=lines)
        if lines:
            return Verdict(code=ExitCode.LOOK, last=f"{_things(len(lines))} to look at, named above", lines=lines)
        held = sum(source["archived"] for source in sources.values())
        return Verdict(code=ExitCode.DONE, last=f"complete: {_recordings(held)} archived in {self._archive.path}")

    def of_others(self) -> list[str]:
        """Altered or absent recordings of sources that this run is not about: named, and nothing more."""
        mine = {driver.name for driver in self._drivers}
        others = {name: counts_of(self._books.tally(name)) for name in self._books.sources() if name not in mine}
        numbers = {name: sum(counts[state] for state in _CHANGED) for name, counts in others.items()}
        return [f"{name}: {_recordings(number)} not as archived" for name, number in numbers.items() if number]

    def _named(self, driver: SourceDriver, figures: Mapping[str, Any]) -> Iterator[str]:
        """The recordings that need a look."""
        named = 0
        for state in (*_CHANGED, *_LOOK_AT):
            if figures[state]:
                for item in islice(self._books.of_state(driver.name, state), NAMED):
                    named += 1
                    id_ = str(item["recording_id"])
                    look = for_archive(command_line("show", id_), str(self._archive.path))
                    told = "has failed" if state == "failed" else f"is {state}"
                    yield f"{driver.name}: {id_!r} {told}: {item.get('reason')}; next: {look}"
        more = sum(figures[state] for state in (*_CHANGED, *_LOOK_AT)) - named
        if more > 0:
            find = for_archive(command_line("find", source=driver.name), str(self._archive.path))
            yield f"{driver.name}: {more} more: {find}"

    def _unfinished(self, driver: SourceDriver, figures: Mapping[str, Any]) -> Iterator[str]:
        """Work that the source did not finish, and why."""
        yield from self._waiting(driver, figures["waiting"])
        if pause := driver.gate().pause:
            resume = for_archive(command_line("resume", driver.name), str(self._archive.path))
            yield f"{driver.name}: {pause.sentence}; next: {resume}"
        elif driver.given_up:
            secret = driver.runtime.settings.source.secret
            look = f"; is the secret {secret} right?" if driver.gate().refused else ""
            until = driver.gate().closed_until
            again = f"; it is left alone until {self._clock_of(until)}" if until else ""
            yield f"{driver.name}: stopped after several probes: {driver.given_up}{again}{look}"
        elif unclean := driver.unclean():
            yield f"{driver.name}: not every window was read cleanly: {unclean}"

    def _waiting(self, driver: SourceDriver, waiting: int) -> Iterator[str]:
        if not waiting:
            return
        until = driver.waits().left_until
        when = f" until {self._clock_of(until)}" if until else ""
        yield f"{driver.name}: {waiting} {_wait(waiting)}{when}; run it again"

    def _clock_of(self, moment: datetime) -> str:
        """`14:05`, in people's zone; with its date where that is not today."""
        zone = self._zone or ZoneInfo(identity_of(self._archive.path).zone)
        there, today = moment.astimezone(zone), datetime.now(zone).date()
        return f"{there:%H:%M}" if there.date() == today else f"{there:%Y-%m-%d %H:%M}"

    # files

    def write_files(self, figures: Mapping[str, Any], verdict: Verdict) -> None:
        """ledger.jsonl, where a row changed, run.json, and a line of runs.jsonl. Raises OSError."""
        self._write_ledger(figures)
        figures = {**figures, **self._taken()}
        self._archive.write(RUN, iter([json.dumps(figures, indent=2, ensure_ascii=False).encode(), b"\n"]))
        counts = {
            name: {state: source[state] for state in counts_of({})} for name, source in figures["sources"].items()
        }
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"at": ended, "verb": "local", "seconds": figures["seconds"], "exit_code": int(verdict.code)}
        journal.append(self._archive.path / RUNS, {**line, "verdict": verdict.last, "sources": counts})

    def _write_ledger(self, figures: Mapping[str, Any]) -> None:
        file, shown = self._archive.path / LEDGER, self._archive.inside / SHOWN
        state = self._books.state()
        if state and file.exists() and shown.exists() and shown.read_text(encoding="utf-8") == state:
            return
        rows = sum(source["archived"] + source["waiting"] for source in figures["sources"].values())
        if rows > _MANY_ROWS and file.exists() and time.time() - file.stat().st_mtime < _DAY_SECONDS:
            return  # the same rows at any time: recordings find --json --limit 0
        self._archive.write(LEDGER, lines_of(self._books))
        self._archive.bucket.workshop.replace(shown, [(state or "").encode()])

    # words

    def tell(
        self, output: Output, figures: Mapping[str, Any], verdict: Verdict, new: Mapping[str, tuple[int, int]]
    ) -> None:
        """The table, what to look at, and the verdict last. `new` is what was held before and found, by source."""
        folder = str(self._archive.path)
        output.document({"archive": folder, **figures, "to_look_at": verdict.lines, "verdict": verdict.last})
        for name, (held, found) in new.items():
            output.line(f"{name}: {held} held, {found} new")
        shown = summary_columns(figures["sources"])
        columns = [Column(head="source", importance=9)]
        columns += [Column(head=name, importance=8, align="right") for name in shown]
        columns += [Column(head=name, importance=5, align="right") for name in ("bytes", "requests/min", "allowed")]
        output.table(columns, [self._row(name, source, shown) for name, source in figures["sources"].items()])
        for line in (*verdict.lines, *self.of_others()):
            output.note(line)
        output.verdict(verdict.last)

    def _row(self, name: str, source: Mapping[str, Any], shown: list[str]) -> list[str]:
        rates = [f"{source['requests_per_minute']:.1f}", f"{source['allowed_per_minute']:g}"]
        return [name, *(str(source[state]) for state in shown), megabytes(self._books.bytes(name)), *rates]


def _not_as_archived(changed: int, mended: int) -> str:
    if not changed:
        return "one recording was not as archived, and is again" if mended == 1 else f"{counted(mended)} were mended"
    return f"{_recordings(changed)} not as archived" + (f", and {mended} mended" if mended else "")


def _recordings(number: int) -> str:
    return f"{counted(number)} {are(number)}"


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


def _things(number: int) -> str:
    return "one thing" if number == 1 else counted(number, "thing")
