"""Commands to type next: any id and any name survives the shell, and none reaches the terminal."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.shell.command_line import command_line, for_archive, quoted
from ops.shell.output import Output

_HOSTILE = ["-x", "--all", "it's", "a b", "a/../b", "$(reboot)", 'say "no"', "a -- b", "", "*", "\u202ecba"]


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("recordings retry x", "recordings retry x -a 'my archive'"),
        ("recordings rebuild-ledger -a other", "recordings rebuild-ledger -a other"),
        ("recordings find --help", "recordings find --help"),
        ("recordings local …", "recordings local …"),
        ("chmod -R go= x", "chmod -R go= x"),
    ],
)
def test_a_next_command_is_for_the_archive_that_was_named(command: str, typed: str) -> None:
    assert for_archive(command, "my archive") == Output("x", archive="my archive").again(command) == typed
    assert for_archive(command, None) == command


@given(st.lists(st.text(), min_size=1), st.text(min_size=1))
def test_whatever_an_id_holds_the_command_prints_as_one_line(ids: list[str], archive: str) -> None:
    assert for_archive(command_line("show", *ids), archive).isprintable()


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1), min_size=1))
def test_the_archive_goes_before_operands_that_look_like_options(ids: list[str]) -> None:
    words = shlex.split(for_archive(command_line("show", *ids), "my archive"))
    guarded = any(each.startswith("-") for each in ids)
    assert words == (
        ["recordings", "show", "-a", "my archive", "--", *ids]
        if guarded
        else ["recordings", "show", *ids, "-a", "my archive"]
    )


@pytest.mark.parametrize("text", [*_HOSTILE, "two\nlines", "\x1b[2J", "it's\x07", "back\\slash\n"])
def test_a_shell_reads_the_very_text(text: str) -> None:
    shell = ["bash", "-c", f"printf %s {quoted(text)}"]
    assert subprocess.run(shell, capture_output=True, check=True, text=True, encoding="utf-8").stdout == text
