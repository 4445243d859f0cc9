"""`recordings pause` and `resume`: one write, told in the status, undone by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.archiver.clock import Clock
from functions.archiver.errors import Closed
from functions.archiver.throttling.pace import Pace
from tests.harness.archives import Given, given_archive
from tests.harness.schemas import checked


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Given]:
    with given_archive("folder", tmp_path) as made:
        made.look_after()
        yield made


def pace(archive: Given) -> Pace:
    return Pace(archive.table, source="acme", requests_per_minute=6000, lanes=1, clock=Clock())


def test_a_paused_source_is_left_alone_until_it_is_resumed(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert archive.run("pause", "acme", "--reason", "their maintenance") == 0
    assert "undo: recordings resume acme" in capsys.readouterr().out
    with pytest.raises(Closed, match="their maintenance"):
        pace(archive).book("list")
    assert archive.run("status", "acme") == 0
    assert "their maintenance" in capsys.readouterr().out
    assert archive.run("resume", "acme") == 0
    assert "their maintenance" in capsys.readouterr().out
    pace(archive).book("list")


def test_both_say_what_they_did_as_json(archive: Given, capsys: pytest.CaptureFixture[str]) -> None:
    archive.run("pause", "acme", "--until", "2199-01-01", "--json")
    paused = checked(capsys.readouterr().out)
    assert paused["until"] == "2199-01-01T00:00:00Z"
    assert "@" in paused["by"]
    for resumed in (True, False):
        assert archive.run("resume", "acme", "--json") == 0
        assert checked(capsys.readouterr().out)["resumed"] is resumed


@pytest.mark.parametrize("words", [("pause", "acme", "--until", "2001-01-01"), ("pause", "acme", "--until", "later")])
def test_an_end_in_the_past_pauses_nothing(archive: Given, words: tuple[str, ...]) -> None:
    assert archive.run(*words) == 2
    assert pace(archive).gate().pause is None


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_source_that_is_not_there_is_refused(archive: Given, verb: str) -> None:
    assert archive.run(verb, "acne") == 3
    assert archive.table.get("acne#pace") is None
