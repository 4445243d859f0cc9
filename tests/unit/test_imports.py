"""Importing asks for nothing: no environment, no network, no credentials. Handlers are wiring."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "functions").rglob("*.py"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
HANDLERS = [path for path in FILES if path.parent == ROOT / "functions" and path.name != "__init__.py"]
LONGEST_HANDLER = 60

_WITHOUT_NETWORK = """
import importlib, socket, sys

def refuse(*_, **__):
    raise AssertionError("a module asked for the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_there_is_something_to_look_at() -> None:
    assert {"functions.archiver.runtime", "functions.providers.babelforce", "functions.downloader"} <= set(MODULES)
    assert {path.stem for path in HANDLERS} >= {"lister", "downloader", "reconciler"}


def test_every_module_is_imported_without_environment_and_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NETWORK, *MODULES], cwd=ROOT, env={}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def reads_of_the_environment(path: Path) -> list[int]:
    """Lines that name os.environ or os.getenv, or import them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
            found.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_only_the_runtime_reads_the_environment(path: Path) -> None:
    is_runtime = path == ROOT / "functions" / "archiver" / "runtime.py"
    assert bool(reads_of_the_environment(path)) == is_runtime


@pytest.mark.parametrize("path", HANDLERS, ids=[path.stem for path in HANDLERS])
def test_a_handler_is_wiring(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_HANDLER
    assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(ast.parse(text)))
    assert "def handler(event" in text


@pytest.mark.parametrize("path", HANDLERS, ids=[path.stem for path in HANDLERS])
def test_a_handler_reaches_aws_and_providers_only_through_the_archiver(path: Path) -> None:
    roots = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert not [name for name in roots if name.startswith(("boto3", "requests", "urllib3", "functions.providers"))]


LOCAL = (
    "functions.archiver.settings.environment",
    "functions.archiver.settings.toml_file",
    "ops.local.engine.sqlite_table",
)


def test_settings_and_ledger_of_a_local_archive_load_nothing_of_aws() -> None:
    program = f"import sys, {', '.join(LOCAL)}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"sqlite3", "ops"} <= loaded
    assert not loaded & {"boto3", "botocore", "s3transfer", "aws_cdk", "jsii", "moto"}
