"""The asset that Lambda gets."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from functions.archiver.errors import Misconfigured
from infra import functions_asset
from infra.functions_asset import FUNCTIONS, REQUIREMENTS, RUNTIME, WHEELHOUSE, bundle, wheels
from infra.synth import template
from tests.infra.template import Template, a_deployment, a_source


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asset")
    bundle(folder, wheels(WHEELHOUSE, REQUIREMENTS))
    return folder


def test_the_handlers_are_importable_from_the_asset_alone(unpacked: Path, archive: Template) -> None:
    # Isolated, so that neither this checkout nor its packages can help. Packages with native code are for Lambda's
    # machine; the ones that import has to find here are pure Python or fall back to it.
    modules = sorted({function.properties["Handler"].rpartition(".")[0] for function in archive.functions()})
    lines = [f"import sys; sys.path.insert(0, {str(unpacked)!r})", *(f"import {module}" for module in modules)]
    lines.append("import boto3; print(boto3.__file__)")
    command = [sys.executable, "-I", "-S", "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(unpacked))


def test_the_asset_is_the_same_each_time(unpacked: Path, tmp_path: Path) -> None:
    bundle(tmp_path, wheels(WHEELHOUSE, REQUIREMENTS))

    def content(folder: Path) -> dict[str, bytes]:
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    # The import of another test may have left compiled files.
    assert content(tmp_path) == {name: b for name, b in content(unpacked).items() if "__pycache__" not in name}


def test_native_code_is_for_lambdas_machine(unpacked: Path) -> None:
    native = [file.name for file in unpacked.rglob("*.so")]
    assert native
    tag = RUNTIME.name.removeprefix("python").replace(".", "")
    assert not [name for name in native if f"{tag}-aarch64" not in name]


def test_all_functions_share_one_asset(archive: Template) -> None:
    assert len({str(function.properties["Code"]) for function in archive.functions()}) == 1


def test_what_python_leaves_between_the_sources_does_not_change_the_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(folder: Path) -> str:
        monkeypatch.setattr(functions_asset, "FUNCTIONS", folder)
        document = template(a_deployment(a_source()))
        return str(Template(document=document).function("lister").properties["Code"])

    clean, used = tmp_path / "clean", tmp_path / "used"
    for folder in (clean, used):
        shutil.copytree(FUNCTIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (used / "archiver" / "__pycache__").mkdir()
    (used / "archiver" / "__pycache__" / "pace.cpython-314.pyc").write_bytes(b"compiled")
    assert code(clean) == code(used)
    (used / "archiver" / "pace.py").write_text("# changed\n", encoding="utf-8")
    assert code(clean) != code(used)


def test_the_makefile_fetches_wheels_for_the_runtime_that_is_deployed(archive: Template) -> None:
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert f"LAMBDA_PYTHON := {RUNTIME.name.removeprefix('python')}\n" in makefile
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
