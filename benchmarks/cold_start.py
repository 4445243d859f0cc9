"""How long each handler of the asset takes to come up under Lambda's own client, beside handlers that do nothing.

    python -m benchmarks.cold_start [--import-times FOLDER]

The asset is what a deploy ships, with byte code of this Python and without; the client is that of this Python. Ours
have the environment of a deployment, so that they make their clients. The comparisons import the same versions of the
same packages, unpacked as they come, and the boto3 that goes with them. `--import-times` keeps what `-X importtime`
says of each handler.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from benchmarks.tables import Cell, Table, printed
from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import environment_of
from infra.bundle import REQUIREMENTS, WHEELHOUSE, Compiler, bundle, compile_all, compiler_of, wheels
from tests.harness.runtime_api import RuntimeApi

BASE = "boto3, three clients"
COMPARED: Mapping[str, str] = {
    "empty": "",
    BASE: "import boto3\nfor name in ('s3', 'dynamodb', 'sqs'):\n    boto3.client(name)\n",
    "boto3, three clients, Powertools": "import boto3\nfrom aws_lambda_powertools import Logger, Metrics\n"
    "for name in ('s3', 'dynamodb', 'sqs'):\n    boto3.client(name)\nLogger(), Metrics()\n",
}
HANDLERS = ("lister", "downloader", "reconciler", "webhook")
REGION = "eu-central-1"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    **environment_of(
        Archive(name="recordings", alerts=("ops@example.com",)),
        Source(
            name="acme",
            provider="babelforce",
            base_url="https://acme.example.com",
            secret="recordings/acme",
            requests_per_minute=60,
            max_parallel_downloads=1,
            overlap=timedelta(hours=1),
        ),
        bucket="recordings-archive",
        table="recordings-ledger",
        queue_url=f"https://sqs.{REGION}.amazonaws.com/111122223333/acme.fifo",
    ),
}


def _handler_of(number: int) -> str:
    return f"compared_{number}"


def _write_compared(folder: Path) -> None:
    for number, code in enumerate(COMPARED.values()):
        (folder / f"{_handler_of(number)}.py").write_text(f"{code}\n\ndef handler(event, context):\n    return None\n")


def asset(folder: Path, compiler: Compiler | None) -> Path:
    """What Lambda unpacks."""
    made = folder / ("compiled" if compiler else "plain")
    made.mkdir()
    bundle(made, wheels(WHEELHOUSE, REQUIREMENTS), compiler)
    return made


def comparisons(folder: Path, compiler: Compiler | None) -> Path:
    """What Lambda unpacks of somebody who puts the packages of our asset, and boto3, beside a handler."""
    made = folder / ("compared-compiled" if compiler else "compared-plain")
    made.mkdir()
    for wheel in wheels(WHEELHOUSE, REQUIREMENTS):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(made)
    for name in ("boto3", "s3transfer"):
        shutil.copytree(_installed(name), made / name, ignore=shutil.ignore_patterns("__pycache__"))
    _write_compared(made)
    if compiler:
        compile_all(made, compiler)
    return made


def _installed(package: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def measured(rounds: int = 7) -> tuple[Table, Table]:
    """Start-up of every handler, and the size of the asset."""
    names = [f"ours: {name}" for name in HANDLERS]
    paths = dict(zip(names, (f"functions.{name}.handler" for name in HANDLERS), strict=True))
    paths |= {name: f"{_handler_of(number)}.handler" for number, name in enumerate(COMPARED)}
    with tempfile.TemporaryDirectory() as name:
        compilers = {False: None, True: compiler_of(sys.executable)}
        folders = {each: asset(Path(name), compiler) for each, compiler in compilers.items()}
        others = {each: comparisons(Path(name), compiler) for each, compiler in compilers.items()}
        found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for compiled in folders:
                for handler, path in paths.items():
                    folder = (folders if handler in names else others)[compiled]
                    found.setdefault((handler, compiled), []).append(_start(path, folder))
        sizes = _sizes(folders)
    cpu = {key: min(each[0] for each in starts) for key, starts in found.items()}
    seconds = {key: min(each[1] for each in starts) for key, starts in found.items()}
    rows: list[Sequence[Cell]] = [
        [
            handler,
            *(round(cpu[handler, each] / cpu[BASE, each], 2) for each in (False, True)),
            round(cpu[handler, True] / cpu[BASE, False], 2),
            *(round(cpu[handler, each], 2) for each in (False, True)),
            round(seconds[handler, True], 2),
        ]
        for handler in paths
    ]
    starts = Table(
        title="Cold start",
        says="From the start of the process until the handler first asks for an event, under Lambda's runtime "
        f"interface client; all but *empty* have made their clients. Ratios are of CPU to *{BASE}*, with byte code for "
        f"both, for none, and for ours alone. The least of {rounds} rounds.",
        columns=(
            "handler",
            "ratio, no byte code",
            "ratio, byte code",
            "ratio, ours with, theirs without",
            "CPU s, no byte code",
            "CPU s, byte code",
            "seconds, byte code",
        ),
        rows=rows,
        plot="ratio, byte code",
    )
    return starts, sizes


def _sizes(folders: Mapping[bool, Path]) -> Table:
    rows: list[Sequence[Cell]] = []
    for compiled, folder in folders.items():
        zipped = Path(shutil.make_archive(str(folder), "zip", folder))
        unpacked = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        what = "with byte code" if compiled else "without byte code"
        rows.append([what, round(zipped.stat().st_size / 1e6, 2), round(unpacked / 1e6, 2)])
    return Table(title="Asset", says="All functions share it.", columns=("asset", "zip MB", "unpacked MB"), rows=rows)


def _start(handler: str, folder: Path) -> tuple[float, float]:
    """CPU and time, in seconds, until it asked for an event."""
    before = _children()
    with RuntimeApi() as api, api.function(handler, folder, ENVIRONMENT, memory_mib=512):
        pass
    return _children() - before, api.ready_seconds


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def keep_import_times(folder: Path) -> None:
    """What each import costs, a file for each handler."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in HANDLERS:
        command = [sys.executable, "-X", "importtime", "-c", f"import functions.{name}"]
        environment = {**os.environ, **ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        (folder / f"{name}.txt").write_text(done.stderr)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--import-times", type=Path)
    options = parser.parse_args()
    for table in measured():
        sys.stdout.write(f"{printed(table)}\n")
    if options.import_times:
        keep_import_times(options.import_times)


if __name__ == "__main__":
    main()
