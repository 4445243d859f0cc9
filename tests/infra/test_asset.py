"""The asset that Lambda gets."""

from __future__ import annotations

import ast
import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from functions.archiver.errors import Misconfigured
from infra import botocore_data
from infra import bundle as bundling
from infra.bundle import (
    FUNCTIONS,
    REQUIREMENTS,
    WHEELHOUSE,
    Compiler,
    bundle,
    compiler_for,
    compiler_of,
    digest,
    services,
    wheels,
)
from infra.functions_asset import PYTHON, RUNTIME, byte_code
from tests.infra.template import Template

SMALL = ("idna", "six", "urllib3")
"""Packages that are enough to see whether bundling comes out the same."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asset")
    bundle(folder, wheels(WHEELHOUSE, REQUIREMENTS))
    return folder


def small() -> list[Path]:
    return [wheel for wheel in wheels(WHEELHOUSE, REQUIREMENTS) if wheel.name.partition("-")[0] in SMALL]


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def run_in(folder: Path, lines: Sequence[str]) -> str:
    """Runs in a Python that finds nothing but the asset, and leaves nothing in it."""
    code = "\n".join([f"import sys; sys.path.insert(0, {str(folder)!r})", *lines])
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_asset_is_the_same_each_time(unpacked: Path, tmp_path: Path) -> None:
    bundle(tmp_path, wheels(WHEELHOUSE, REQUIREMENTS))
    assert content(tmp_path) == content(unpacked)


def test_byte_code_is_the_same_each_time_wherever_it_was_compiled(tmp_path: Path) -> None:
    here = compiler_of(sys.executable)
    for name in ("one", "an/other"):
        bundle(tmp_path / name, small(), here)
    one, other = content(tmp_path / "one"), content(tmp_path / "an" / "other")
    assert one == other
    sources = [name for name in one if name.endswith(".py")]
    assert len([name for name in one if name.endswith(f".{here.tag}.pyc")]) == len(sources) > 100
    assert not [name for name, found in one.items() if str(tmp_path).encode() in found]


def test_byte_code_is_used_without_a_look_at_its_source(tmp_path: Path) -> None:
    bundle(tmp_path, small(), compiler_of(sys.executable))
    (tmp_path / "idna" / "core.py").write_text("raise SystemExit('compiled anew')\n", encoding="utf-8")
    assert run_in(tmp_path, ["import idna", "print(idna.encode('x').decode())"]).strip() == "x"


def test_without_the_runtimes_python_the_asset_says_so_and_has_no_byte_code(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [name for name in content(unpacked) if name.endswith(".pyc")]
    monkeypatch.setattr("infra.bundle.shutil.which", lambda _: None)
    assert compiler_for("3.99") is None
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = compiler_for(running)
    assert found is not None
    assert (found.executable, found.tag) == (sys.executable, sys.implementation.cache_tag)
    monkeypatch.setattr("infra.functions_asset._compiler", lambda: None)
    said = byte_code()
    assert said.startswith(f"no Python {PYTHON} is at hand, so the functions' asset holds no byte code")
    (target,) = re.findall(r"`make ([a-z-]+)`", said)
    assert f"\n{target}: " in Path("Makefile").read_text(encoding="utf-8")


def test_the_python_that_make_has_fetched_compiles_for_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.bundle.shutil.which", lambda _: None)
    monkeypatch.setattr("infra.bundle.FETCHED", tmp_path)
    assert compiler_for("3.99") is None
    fetched = tmp_path / "cpython-3.99.1-linux-x86_64-gnu" / "bin" / "python3.99"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("#!/bin/sh\necho cpython-399 '3.99.1 (main)'\n", encoding="utf-8")
    fetched.chmod(0o755)
    assert compiler_for("3.99") == Compiler(executable=str(fetched), tag="cpython-399", version="3.99.1 (main)")


def test_an_early_release_does_not_compile_for_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = tmp_path / "python3.99"
    early.write_text("#!/bin/sh\necho cpython-399 '3.99.0rc1 (main)'\n", encoding="utf-8")
    early.chmod(0o755)
    monkeypatch.setattr("infra.bundle.shutil.which", lambda _: str(early))
    assert compiler_for("3.99") is None
    early.write_text("#!/bin/sh\necho cpython-399 '3.99.0 (main)'\n", encoding="utf-8")
    assert compiler_for("3.99") == Compiler(executable=str(early), tag="cpython-399", version="3.99.0 (main)")


def test_models_of_services_that_are_never_called_stay_out(unpacked: Path) -> None:
    called = services(FUNCTIONS)
    assert {"dynamodb", "s3", "secretsmanager", "sqs"} <= called
    kept = {folder.name for folder in (unpacked / "botocore" / "data").iterdir() if folder.is_dir()}
    assert kept == called
    shipped = sum(len(found) for found in content(unpacked).values())
    assert shipped < 8 * 2**20


def test_whatever_the_code_imports_late_or_early_is_in_the_asset(unpacked: Path) -> None:
    imports = {line for file in FUNCTIONS.rglob("*.py") for line in imports_of(file)}
    assert "from aws_lambda_powertools.metrics import EphemeralMetrics" in imports
    run_in(unpacked, sorted(imports))


def imports_of(file: Path) -> Iterator[str]:
    """All of packages, wherever they stand, but those for types alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    for_types = {id(each) for node in typing for part in node.body for each in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) in for_types or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        package = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        if package and not package.startswith(("functions", "__future__")):
            for each in node.names:
                yield ast.unparse(ast.ImportFrom(node.module, [each], 0) if isinstance(node, ast.ImportFrom) else node)


def test_every_client_that_the_code_makes_can_be_made_from_the_asset_and_pages(unpacked: Path) -> None:
    out = run_in(
        unpacked,
        [
            "import json, os",
            "from functions.archiver.aws.clients import Clients",
            "for name in ('AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'): os.environ[name] = 'x'",
            f"clients = {{name: Clients().client(name) for name in {sorted(services(FUNCTIONS))!r}}}",
            "def pages(client): return [m for m in client.meta.method_to_api_mapping if client.can_paginate(m)]",
            "found = {name: [client.get_paginator(m) for m in pages(client)] for name, client in clients.items()}",
            "print(json.dumps({name: len(paginators) for name, paginators in found.items()}))",
        ],
    )
    paginators = json.loads(out)
    assert paginators.keys() == services(FUNCTIONS)
    assert all(count for name, count in paginators.items())


def test_clients_of_the_asset_ask_where_those_of_the_whole_botocore_ask(unpacked: Path) -> None:
    regions = ("eu-central-1", "us-east-1", "us-gov-west-1", "cn-north-1", "us-iso-east-1", "mars-north-1")
    code = f"""
import botocore.session, json
session = botocore.session.get_session()
session.set_credentials("x", "x")
clients = [session.create_client(name, region) for name in {sorted(services(FUNCTIONS))!r} for region in {regions!r}]
print(json.dumps([[each.meta.endpoint_url, each._request_signer.region_name, each.meta.partition] for each in clients]))
"""
    trimmed = run_in(unpacked, code.splitlines())
    whole = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(trimmed) == json.loads(whole)


def test_the_asset_holds_no_descriptions_of_services(unpacked: Path) -> None:
    data = unpacked / "botocore" / "data"
    assert not [*data.rglob("*.gz"), *data.rglob("examples-1.json")]
    model = json.loads((data / "kms" / "2014-11-01" / "service-2.json").read_bytes())
    assert not [name for name, shape in model["shapes"].items() if shape.get("documentation")]
    described = {"shapes": {"A": {"documentation": "<p>", "members": {"documentation": {"shape": "B"}}}}}
    _, content = botocore_data.trimmed(
        "botocore/data/a/1/service-2.json.gz", gzip.compress(json.dumps(described).encode()), {"a"}
    )
    assert json.loads(content) == {"shapes": {"A": {"documentation": "", "members": {"documentation": {"shape": "B"}}}}}


def test_a_client_whose_service_cannot_be_read_from_the_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "made.py"
    file.write_text("def made(session, name):\n    return session.client(name)\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"made\.py:2: .* name it"):
        services(tmp_path)


def test_nothing_in_it_is_native_code_so_that_it_runs_on_any_machine(unpacked: Path) -> None:
    assert not [*unpacked.rglob("*.so"), *unpacked.rglob("*.so.*")]


def test_all_functions_share_one_asset(archive: Template) -> None:
    assert len({str(function.properties["Code"]) for function in archive.functions()}) == 1


def test_the_assets_hash_knows_sources_pins_and_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean, used = tmp_path / "clean" / "functions", tmp_path / "used" / "functions"
    for folder in (clean, used):
        shutil.copytree(FUNCTIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (used / "archiver" / "__pycache__").mkdir()
    (used / "archiver" / "__pycache__" / "clock.cpython-314.pyc").write_bytes(b"compiled")

    def made(folder: Path, compiler: Compiler | None = None) -> str:
        monkeypatch.setattr(bundling, "FUNCTIONS", folder)
        return digest(PYTHON, compiler)

    assert made(clean) == made(used)
    here = compiler_of(sys.executable)
    assert len({made(clean), made(clean, here), made(clean, Compiler(executable="x", tag=here.tag, version="y"))}) == 3
    (used / "archiver" / "clock.py").write_text("# changed\n", encoding="utf-8")
    assert made(clean) != made(used)
    shutil.copy(FUNCTIONS / "archiver" / "clock.py", used / "archiver" / "clock.py")
    (used / "requirements.txt").write_text("other==1", encoding="utf-8")
    assert made(clean) != made(used)


def test_the_makefile_fetches_wheels_for_the_runtime_that_is_deployed(archive: Template) -> None:
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert f"LAMBDA_PYTHON := {PYTHON}\n" in makefile
    assert {function.properties["Runtime"] for function in archive.functions()} == {RUNTIME.name}


def test_a_wheel_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    shutil.copytree(WHEELHOUSE, tmp_path, dirs_exist_ok=True)
    (wheel,) = tmp_path.glob("idna-*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(Misconfigured, match="make setup"):
        wheels(tmp_path, REQUIREMENTS)


def test_a_missing_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="make setup"):
        wheels(tmp_path, REQUIREMENTS)
