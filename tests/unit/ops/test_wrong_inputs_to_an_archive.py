"""Wrong input to verbs that read an archive: one sentence that names it, a code of its own, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.__main__ import main
from tests.harness.reading import a_folder, archived

INPUTS: list[tuple[str, int, str]] = [
    ("get one --out no/such/folder.wav", 2, "there is no folder no/such"),
    ("get one --out folder/", 2, "there is no folder folder"),
    ("get one --out mine", 2, "would lie in the archive"),
    ("get one --out mine/audio/copy.wav", 2, "would lie in the archive"),
    ("export one --case c --out no/such/folder.zip", 2, "there is no folder no/such"),
    ("export one --case c --out mine/audio/c.zip", 2, "would lie in the archive"),
    ("export one --case c --out .", 2, "is there already"),
    ("report --html no/such/folder.html", 2, "there is no folder no/such"),
    ("report --html .", 2, ". is a folder"),
    ("report --html mine/report.html", 2, "would lie in the archive"),
    ("find --from 2026-11-20 --to 2026-11-10", 2, "is not before --to"),
    ("erase --from 2026-11-20 --to 2026-11-10 --basis mistake --ticket A-1", 2, "is not before --to"),
    ("verify --from 2026-11-20 --to 2026-11-10", 2, "is not before --to"),
    ("report --from 2026-11-20 --to 2026-11-10", 2, "is after --to 2026-11-10"),
    ("report --from 2199-01-01", 2, "is after today"),
    ("find --from 2026-11-20 --to 2026-11-10 --tz Asia/Kolkata", 2, "--from 2026-11-20T00:00+05:30 is not before --to"),
    ("pause acme --until 2026-11-20 --tz Asia/Kolkata", 2, "--until 2026-11-20T00:00+05:30 has passed"),
    ("get one --out - --json", 2, "leave --json out"),
    ("accesses --from 2026-11-20 --to 2026-11-10", 2, "is not before --to"),
    ("seal --from 2026-11-20 --to 2026-11-10", 2, "comes after --to 2026-11-10"),
    ("seal --from 2199-01-01", 2, "is not over yet"),
    ("seal verify --head 4f1c", 2, "is not a SHA-256"),
    ("seal verify --public-key none.pem", 2, "none.pem"),
    ("holds --case nobody", 3, "next: recordings holds"),
    ("release --case nobody --reason r", 3, "next: recordings holds"),
    ("retry", 2, "give ids, or --failed"),
    ("retry nobody", 3, "next: recordings find nobody -a mine"),
    ("verify nobody", 3, "next: recordings find nobody -a mine"),
    ("hold nobody --case c --reason r", 3, "next: recordings find nobody -a mine"),
    ("hold one --case c --reason=", 2, "it is empty: say why"),
    ("release --case c --reason=", 2, "it is empty: say why"),
    ("accept one --reason=", 2, "it is empty: say why"),
    ("retry one --failed", 2, "and not both"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archived(a_folder(tmp_path / "mine", "acme"), "one")
    return tmp_path


def files(folder: Path) -> set[str]:
    """What lies there, without the ledger and its log."""
    return {str(path) for path in folder.rglob("*") if ".archive" not in path.parts and "cache" not in path.parts}


@pytest.mark.parametrize(("words", "code", "told"), INPUTS)
def test_wrong_input_is_named_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, told: str
) -> None:
    before = files(here)
    assert main([*words.split(), "-a", "mine"]) == code
    assert told in capsys.readouterr().err
    assert files(here) == before


@pytest.mark.parametrize("words", ["accesses", "show one", "get one --out copy.wav", "export one --case c --out c.zip"])
def test_a_folder_where_the_log_of_accesses_belongs_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    (here / "mine" / "accesses.jsonl").mkdir()
    assert main([*words.split(), "-a", "mine"]) == 5
    assert "mine/accesses.jsonl: is a directory" in capsys.readouterr().err
    assert {path.name for path in here.iterdir()} <= {"mine", "cache"}


@pytest.mark.parametrize("words", ["show nothing -a mine", "-a mine show nothing", "show --archive=mine nothing"])
def test_the_next_command_is_for_the_same_archive_wherever_it_was_named(
    here: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert main(words.split()) == 3
    assert capsys.readouterr().err.endswith("next: recordings find nothing -a mine\n")


def test_the_next_command_that_a_hold_names_is_whole(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hold", "one", "--case", "Doe v. Roe", "--reason", "order", "-a", "mine"]) == 0
    assert "recordings release --case 'Doe v. Roe' --reason TEXT" in capsys.readouterr().out
