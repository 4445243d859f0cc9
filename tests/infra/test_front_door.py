"""The files that a visitor looks for are there and agree with the rest."""

from __future__ import annotations

import re
import shlex
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


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            text = (page.parent / target if target else page).read_text(encoding="utf-8")
            assert anchor in {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}, target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=str)
def test_every_file_of_the_code_that_a_page_names_exists(page: Path) -> None:
    names = re.findall(
        r"`((?:archiver|functions|infra|ops|simulators|tests|docs)/[\w/.]+)`", page.read_text(encoding="utf-8")
    )
    names = [name for name in names if "acme" not in name]  # of the reader's own provider
    paths = [Path("functions", name) if name.startswith("archiver/") else Path(name) for name in names]
    assert not [str(path) for path in paths if not path.exists()]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_make_command_that_a_page_gives_is_a_target_with_its_variables(page: Path) -> None:
    makefile = Path("Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    given = re.findall(r"^    make ([^#\n]+)|`make ([^`]+)`", text, re.MULTILINE)
    for words in [shlex.split(block or inline) for block, inline in given]:
        names = {word.partition("=")[0] for word in words if "=" in word}
        assert {word for word in words if "=" not in word} <= targets, words
        assert all(re.search(rf"\$\(\w*\s?{name}\b|\$\({name}\)", makefile) for name in names), words


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_a_page_has_copied_or_tested_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"^    cp (\S+)|^    \S*(?:python -m )?pytest (\S+)", text, re.MULTILINE)
    assert not [path for pair in paths for path in pair if path and not Path(path).exists()]
    assert not re.findall(r"^    pytest ", text, re.MULTILINE), "pytest is installed in .venv"


def test_every_room_of_the_map_exists() -> None:
    text = Path("CONTRIBUTING.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    rooms = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(rooms) > 15
    patterns = [re.sub(r"<\w+>|…", "*", name).rstrip("/") for name in rooms]
    assert not [pattern for pattern in patterns if not list(Path().glob(pattern))]
