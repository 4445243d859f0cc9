"""The demonstration: every provider simulated on this machine, archived side by side into one folder."""

from __future__ import annotations

import importlib
import inspect
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from functions.providers import names
from ops.archive.identity import identity_of
from ops.local.options import Options
from ops.local.run import run
from ops.shell.output import ExitCode, Failure, Output
from simulators.server import Simulator

FOLDER = Path("demo")
RECORDINGS_EACH = 15
REQUESTS_PER_MINUTE = 120


def demo(stopping: threading.Event, output: Output) -> int:
    """Starts the simulators, writes a deployment file for them and runs the archive; the exit code.

    Raises Failure (REFUSED) where another archive than an earlier demo's lies in the folder.
    """
    _make_room()
    with ExitStack() as running:
        started = {
            name: running.enter_context(kind(recordings=RECORDINGS_EACH, rate=REQUESTS_PER_MINUTE))
            for name, kind in _simulators().items()
        }
        deployment, secrets = FOLDER / "deployment.toml", FOLDER / "secrets.json"
        deployment.write_text(_deployment(started))
        secrets.touch(0o600)
        secrets.write_text(json.dumps({f"demo/{name}": simulator.secret for name, simulator in started.items()}))
        output.line(f"Simulated on this machine: {', '.join(started)}; {RECORDINGS_EACH} recordings each.")
        output.line(f"They take {REQUESTS_PER_MINUTE} requests a minute each: the demo's limit, not the vendors'.")
        output.line(f"Archiving them into {FOLDER / 'archive'}, by {deployment}; it takes about a minute.")
        archive = FOLDER / "archive"
        options = Options(deployment=deployment, secrets=secrets, out=archive, skip_waits=True)
        code = run(options, stopping, output)
    _point_to_a_recording(archive, output)
    return code


def _make_room() -> None:
    """An earlier demo's archive goes; nothing else does."""
    FOLDER.mkdir(0o700, exist_ok=True)
    archive = FOLDER / "archive"
    if archive.exists() and identity_of(archive).name != "demo":
        raise Failure(ExitCode.REFUSED, f"{archive} is there already, and no demo made it: run this in another folder")
    shutil.rmtree(archive, ignore_errors=True)


def _simulators() -> dict[str, type[Simulator]]:
    """Simulators of the providers that have one."""
    modules = {name: f"simulators.providers.{name}" for name in names()}
    return {name: next(_simulators_in(module)) for name, module in modules.items() if find_spec(module)}


def _simulators_in(module: str) -> Iterator[type[Simulator]]:
    for member in vars(importlib.import_module(module)).values():
        if inspect.isclass(member) and issubclass(member, Simulator) and member.__module__ == module:
            yield member


def _deployment(started: Mapping[str, Simulator]) -> str:
    sources = "".join(_source(name, simulator) for name, simulator in started.items())
    return f'[archive]\nname = "demo"\n{sources}'


def _source(name: str, simulator: Simulator) -> str:
    fields = {
        "provider": name,
        "base_url": simulator.base_url,
        "secret": f"demo/{name}",
        "requests_per_minute": REQUESTS_PER_MINUTE,
        "allow_private_addresses": True,
    }
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items()]
    lines.append(f"start = {simulator.start:%Y-%m-%dT00:00:00Z}")
    if simulator.options:
        lines.append(f"\n[sources.{name}.options]")
        lines += [f"{key} = {_toml(value)}" for key, value in simulator.options.items()]
    return f"\n[sources.{name}]\n" + "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it; its texts, numbers and booleans are JSON's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)


def _point_to_a_recording(archive: Path, output: Output) -> None:
    for audio in sorted((archive / "audio").glob("*/*/*"))[:1]:
        output.line(f"One of them: {audio}")
    program = "recordings" if shutil.which("recordings") else ".venv/bin/recordings"
    output.line(f"Search and listen: {program} page -a {archive}")
