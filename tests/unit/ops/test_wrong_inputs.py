"""Wrong input of every kind ends in one sentence and a code of its own, never in a traceback."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ops.__main__ import main

DEPLOYMENT = """
[archive]
name = "recordings"
[sources.acme]
provider = "kazoo"
base_url = "http://127.0.0.1:9"
secret = "acme"
webhook = true
allow_private_addresses = true
[sources.acme.options]
account_id = "00000000000000000000000000000000"
"""

INPUTS: list[tuple[str, int]] = [
    ("local", 2),
    ("local --deployment none.toml --secrets none.json --out out", 2),
    ("local --deployment . --secrets secrets.json --out out", 2),
    ("local --deployment mine.toml --secrets . --out out", 2),
    ("local --deployment mine.toml --secrets secrets.json --out mine.toml", 2),
    ("local --deployment mine.toml --secrets bad.json --out out", 2),
    ("local --deployment bad.toml --secrets secrets.json --out out", 2),
    ("local --deployment mine.toml --secrets secrets.json --out out --serve-webhooks 99999", 2),
    ("local --deployment mine.toml --secrets secrets.json --out out --serve-webhooks x", 2),
    ("local --deployment mine.toml --secrets secrets.json --out out --serve-webhooks 0 --keep-running", 2),
    ("local --deployment mine.toml --secrets secrets.json --out out --real-time --skip-waits", 2),
    ("local --deployment mine.toml --secrets secrets.json --out out --engine other", 2),
    ("import x.zip", 2),
    ("import --deployment mine.toml --source nobody --out out x.zip", 3),
    ("import --deployment mine.toml --source acme --out out", 2),
    ("provider", 2),
    ("provider acme", 2),
    ("provider acme list --deployment none.toml --secrets secrets.json", 2),
    ("provider acme list --deployment mine.toml --secrets none.json", 2),
    ("provider acme list --deployment mine.toml --secrets bad.json", 2),
    ("provider acme list --deployment mine.toml --secrets secrets.json", 5),
    ("provider acme list --deployment mine.toml --secrets secrets.json --from 2026-13-01", 2),
    ("provider acme list --deployment mine.toml --secrets secrets.json --from 2026-02-01 --to 2026-01-01", 2),
    ("provider acme list --deployment mine.toml --secrets secrets.json --from 0001-01-01T00:00+23:00", 2),
    ("provider nobody list --deployment mine.toml --secrets secrets.json", 3),
    ("provider acme get --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme get a b --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme get 1 --audio mine.toml --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme get 1 --audio no/such/folder.wav --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme delete --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme delete 1 --deployment mine.toml --secrets secrets.json", 4),
    ("provider acme delete 1 --confirm 2 --deployment mine.toml --secrets secrets.json", 4),
    ("provider acme delete 1 --confirm x --deployment mine.toml --secrets secrets.json", 2),
    ("provider acme annotate 1 [] --deployment mine.toml --secrets secrets.json", 2),
    ("webhook", 2),
    ("webhook acme", 2),
    ("webhook register acme --deployment mine.toml --secrets secrets.json --url ftp://x", 2),
    ("webhook check nobody --deployment mine.toml --secrets secrets.json", 3),
    ("webhook check acme --deployment mine.toml --secrets secrets.json", 5),
    ("webhook acme --check --register --deployment mine.toml --secrets secrets.json", 2),
    ("plan", 2),
    ("plan -a no/such/folder --calls-per-day 1 --mean-seconds 1", 3),
    ("plan -a mine.toml --calls-per-day 1 --mean-seconds 1e999", 2),
    ("plan -a folder --calls-per-day 1 --mean-seconds 1", 2),
    ("plan -a mine.toml --calls-per-day -1 --mean-seconds 1", 2),
    ("plan -a mine.toml --calls-per-day nan --mean-seconds 1", 2),
    ("plan -a mine.toml --calls-per-day inf --mean-seconds 1", 2),
    ("schema nothing", 3),
    ("completion powershell", 2),
    ("new-provider ../x", 2),
    ("--tz Mars/Olympus demo", 2),
    ("find --archive=", 2),
    ("local --deployment mine.toml --secrets - --out out", 2),
    ("--archive", 2),
    ("-a", 2),
    ("--jsn", 2),
    ("demo extra", 2),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "mine.toml").write_text(DEPLOYMENT)
    (tmp_path / "bad.toml").write_text("[archive\n")
    (tmp_path / "secrets.json").write_text('{"acme": {"auth_token": "hidden", "webhook_secret": "hidden"}}')
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("words", "code"), INPUTS, ids=[words for words, _ in INPUTS])
def test_wrong_input_is_a_sentence(here: Path, words: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == code
    told = capsys.readouterr()
    assert told.err.strip()
    assert "Traceback" not in told.out + told.err
    assert "Errno" not in told.out + told.err
    assert "hidden" not in told.out + told.err
