"""Local runs against simulated babelforces, each in a process of its own as on the command line, or in this one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.local.options import Options
from ops.local.run import run
from simulators.providers.babelforce import Babelforce
from tests.harness.schemas import checked

SMALL: dict[str, Any] = {"sizes": (4_000, 9_000)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A run that is over."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class LocalBench:
    """One folder, the sources that fill it, and a deployment file for them."""

    folder: Path
    sources: dict[str, Babelforce]
    requests_per_minute: float = 6000
    archive: str = ""
    lines: str = ""
    out: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.folder / "archive"
        self.write()

    def write(self) -> None:
        """Writes the deployment file and the secrets as they are now."""
        tables = "".join(self._source(name, simulator) for name, simulator in self.sources.items())
        self.deployment.write_text(f'[archive]\nname = "bench"\n{self.archive}\n{tables}', encoding="utf-8")
        self.secrets.touch(0o600)
        self.secrets.write_text(json.dumps({name: simulator.secret for name, simulator in self.sources.items()}))

    @property
    def deployment(self) -> Path:
        return self.folder / f"{'-'.join(self.sources)}.toml"

    @property
    def secrets(self) -> Path:
        return self.folder / f"{'-'.join(self.sources)}.json"

    def _source(self, name: str, simulator: Babelforce) -> str:
        return (
            f'[sources.{name}]\nprovider = "babelforce"\nsecret = "{name}"\nbase_url = "{simulator.base_url}"\n'
            f"start = {simulator.start:%Y-%m-%dT00:00:00Z}\nrequests_per_minute = {self.requests_per_minute}\n"
            f"allow_private_addresses = true\n{self.lines}\n"
        )

    def words(self, *more: str) -> list[str]:
        given = ["--deployment", str(self.deployment), "--secrets", str(self.secrets), "--out", str(self.out)]
        return [sys.executable, "-m", "ops", "local", *given, *more]

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self.words(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *more: str) -> Ended:
        """In a process of its own."""
        done = subprocess.run(self.words(*more), capture_output=True, text=True, check=False, timeout=120)
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def run_here(self, *, stopping: threading.Event | None = None, **options: Any) -> int:
        """In this process, which costs less. Raises what the command line would put into words."""
        given = Options(deployment=self.deployment, secrets=self.secrets, out=self.out, **options)
        return run(given, stopping or threading.Event())

    def rows(self) -> dict[str, dict[str, Any]]:
        """The lines of ledger.jsonl by recording."""
        lines = (self.out / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
        return {row["recording_id"]: row for row in map(json.loads, lines)}

    def figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads((self.out / "run.json").read_text(encoding="utf-8"))
        return figures

    def audio(self, recording_id: str) -> Path:
        (path,) = self.out.glob(f"audio/source=*/date=*/{recording_id}.*")
        return path

    def holds_all(self, name: str) -> bool:
        """Whether every recording of the source lies there with its very bytes, once."""
        simulator = self.sources[name]
        files = [*self.out.glob(f"audio/source={name}/date=*/*")]
        rows = self.rows()
        return len(files) == len(simulator.recordings) and all(
            rows[id_]["state"] == "archived" and rows[id_]["sha256"] == _sha256(self.audio(id_)) == recording.sha256
            for id_, recording in simulator.recordings.items()
        )


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Ended:
    """Ends a process with a signal, and waits for it."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Ended(code=process.returncode, out=out, err=err)


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process at once, as a power cut does."""
    process.kill()  # not by its number, which is another's once it has ended
    process.communicate(timeout=60)


def modes(root: Path) -> Sequence[tuple[Path, int]]:
    """Every file and folder with its permissions."""
    return [(path, path.stat().st_mode & 0o777) for path in [root, *root.rglob("*")]]


def verified(bench: LocalBench, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, `--json` and standard error of `recordings verify`."""
    words = ("-a", str(bench.out), "--json", *words)
    command = [sys.executable, "-m", "ops", "verify", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, checked(done.stdout) if done.stdout else {}, done.stderr
