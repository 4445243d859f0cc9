"""The files that a visitor looks for are there and agree with the rest."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PAGES = [Path("README.md"), *map(Path, ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")), *Path("docs").rglob("*.md")]


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in Path("LICENSE").read_text(encoding="utf-8")


def test_the_ruff_of_the_commit_hook_is_the_pinned_one() -> None:
    (pinned,) = re.findall(r"^ruff==(\S+)", Path("requirements-dev.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"rev: v{pinned}\n" in Path(".pre-commit-config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_every_room_of_the_map_exists() -> None:
    text = Path("CONTRIBUTING.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    rooms = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(rooms) > 15
    patterns = [re.sub(r"<\w+>|…", "*", name).rstrip("/") for name in rooms]
    assert not [pattern for pattern in patterns if not list(Path().glob(pattern))]
