"""One file and one fixture are all that a provider takes: shown with the two that are written to start from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PARTS = ("functions", "infra", "ops", "simulators", "tests", "docs", "pyproject.toml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project, to be written into."""
    for part in PARTS:
        if Path(part).is_dir():
            shutil.copytree(part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, tmp_path / part)
    return tmp_path


def python(tree: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_provider_from_the_templates_keeps_the_contract_without_any_other_edit(tree: Path) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*.py")}
    python(tree, "-m", "ops", "new-provider", "acme_phones")
    tests = [f"tests/contract/test_{part}.py" for part in ("facts", "shape", "archive")]
    told = python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "acme_phones", *tests)
    assert " passed" in told
    assert "Acme Phones" in (tree / "docs" / "providers.md").read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in before} == before
