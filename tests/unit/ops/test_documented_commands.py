"""Every command in the documentation is one that the program takes, and those of the runbook run as they stand.

What they need of AWS or of a deployment file is not there: they are run on a local archive, and none is misused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ops.shell.program import NAME, program
from tests.harness.archives import given_archive

RUNBOOK = Path("docs/operations.md")
PAGES = [
    *(Path(name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(page for page in Path("docs").rglob("*.md") if page.name != "commands.md"),
]

_BLOCK = re.compile(r"^    (?:\.venv/bin/)?recordings (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(?:\.venv/bin/)?recordings ([^`\n]+)`")
_HIDDEN = re.compile(r"\s[|>#].*|\s(&&|\|\|).*")
"""What a shell does with a command is not part of it."""

NEEDS_MORE = (
    "provider",
    "webhook",
    "seal",
    "local",
    "page",
    "import",
    "demo",
    "export",
    "erase",
    "hold",
    "release",
    "rebuild-ledger",
    "events",
)
"""Verbs that need a provider, a deployment file or a person: they have tests of their own."""


def commands_of(page: Path) -> Iterator[list[str]]:
    text = page.read_text(encoding="utf-8")
    for found in [*_BLOCK.findall(text), *_INLINE.findall(text)]:
        words = shlex.split(_HIDDEN.sub("", found))
        if words and not words[0].startswith("-") and words[0].islower():
            yield [_example(words, number) for number in range(len(words))]


def _example(words: list[str], number: int) -> str:
    """A value in place of a placeholder; one that stands for many words stays."""
    if words[number] == "…" and words[number - 1].startswith("-"):
        return "2026-01-01" if words[number - 1] == "--from" else "2026-01-02"
    return words[number]


ALL = [pytest.param(words, id=f"{page.name}: {' '.join(words)}") for page in PAGES for words in commands_of(page)]


@pytest.mark.parametrize("words", ALL)
def test_the_program_takes_the_command(words: list[str]) -> None:
    with click.Context(program, info_name=NAME) as root:
        name, command, rest = program.resolve_command(root, words)
        assert command is not None
        try:
            command.make_context(name, rest, parent=root, resilient_parsing=len(rest) == 0)
        except click.NoSuchOption as unknown:
            pytest.fail(f"recordings {' '.join(words)}: {unknown.format_message()}")
        except click.UsageError:
            assert len(words) == 1 or "…" in words  # the verb is only named, or some of its words are left out


@pytest.mark.parametrize("words", list(map(list, dict.fromkeys(map(tuple, commands_of(RUNBOOK))))), ids=" ".join)
def test_a_command_of_the_runbook_runs_on_an_archive(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if words[0] in NEEDS_MORE or len(words) == 1:
        pytest.skip("needs more than an archive")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with given_archive("folder", tmp_path) as archive:
        archive.look_after()
        code = archive.run(*[word.replace("acme-uk", "acme") for word in words])
    said = capsys.readouterr().err
    asks_a_provider = words[0] == "reconcile" or (words[0] == "backfill" and "--dry-run" in words)
    if asks_a_provider:
        assert (code, "--deployment FILE and --secrets FILE" in said) == (2, True)
    else:
        assert code not in (2, 70), said
