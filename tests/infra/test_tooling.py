"""The pins, the Makefile and the page about dependencies agree with each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

LAYERS = tuple(map(Path, ("functions/requirements", "requirements-local", "requirements", "requirements-dev")))
APART = tuple(map(Path, ("requirements-setup", "requirements-page", "requirements-acceptance")))


def pinned(file: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name.lower(), set()).add(version)
    return found


def asked_for(file: Path) -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*)", file.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_package_that_is_asked_for_is_pinned_and_explained() -> None:
    explained = Path("docs/dependencies.md").read_text(encoding="utf-8")
    for stem in (*LAYERS, *APART):
        names = asked_for(stem.with_name(f"{stem.name}.in"))
        assert names
        assert names <= pinned(stem.with_name(f"{stem.name}.txt")).keys()
        assert not [name for name in names if not re.search(rf"\b{name}\b", explained)]


def test_what_is_tested_is_what_ships() -> None:
    pins = [pinned(stem.with_name(f"{stem.name}.txt")) for stem in LAYERS]
    for inner, outer in pairwise(pins):
        assert inner.items() <= outer.items()


@pytest.mark.parametrize("stem", [*LAYERS, *APART], ids=str)
def test_every_pin_has_a_hash_and_names_no_host(stem: Path) -> None:
    text = stem.with_name(f"{stem.name}.txt").read_text(encoding="utf-8")
    for pin in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in pin, pin
    assert "://" not in text


def test_what_installs_all_the_rest_is_pinned_by_its_digest() -> None:
    setup = Path("requirements-setup.txt")
    assert pinned(setup).items() <= pinned(Path("requirements-dev.txt")).items()
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements-setup.txt" in makefile
    assert not re.search(r"pip install (?!.*--require-hashes).*==", makefile)


def test_the_cli_that_deploys_is_pinned_by_its_digest() -> None:
    folder = Path("infra/cdk_cli")
    asked = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]["aws-cdk"]
    text = (folder / "package-lock.json").read_text(encoding="utf-8")
    locked = json.loads(text)["packages"]["node_modules/aws-cdk"]
    assert locked["version"] == asked
    assert locked["integrity"].startswith("sha512-")
    assert "://" not in text
    makefile = Path("Makefile").read_text(encoding="utf-8")
    assert "npm ci" in makefile
    assert "aws-cdk@" not in makefile


def test_bare_make_prints_a_line_for_each_target() -> None:
    # Below a make of its own (`make test`), this one would tell which folder it enters.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make"], capture_output=True, text=True, check=True, timeout=60, env=alone)
    makefile = Path("Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert [line.split(" - ")[0] for line in done.stdout.splitlines()] == re.findall(
        r"^([a-z-]+):.*##", makefile, re.MULTILINE
    )
    assert {line.split(" - ")[0] for line in done.stdout.splitlines()} == set(targets.split())
