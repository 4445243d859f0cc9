"""A wrong configuration of a local run is one sentence and exit code 2, before anything is asked of a provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.archiver.settings.toml_file import read
from ops.__main__ import main
from ops.local.configuration import name_what_begins_later
from ops.shell.output import Output

DEPLOYMENT = """
[archive]
name = "recordings"
[sources.acme]
provider = "babelforce"
base_url = "https://acme.babelforce.com"
secret = "recordings/acme"
"""


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "recordings/acme is missing"),
        (json.dumps({"recordings/acme": "hush-hush"}), "recordings/acme is missing or not an object"),
        (
            json.dumps({"recordings/acme": {"client_id": "hush-hush"}}),
            "the secret recordings/acme must be a JSON object with the texts client_id and client_secret",
        ),
        (
            json.dumps({"recordings/acme": {"client_id": "acme", "client_secret": "hush-hush\n"}}),
            "client_id and client_secret, or access_id and access_token, without line breaks",
        ),
    ],
)
def test_a_wrong_secrets_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secrets: str, sentence: str
) -> None:
    deployment, file = tmp_path / "deployment.toml", tmp_path / "secrets.json"
    deployment.write_text(DEPLOYMENT)
    file.touch(0o600)
    file.write_text(secrets)
    arguments = ["local", "--deployment", str(deployment), "--secrets", str(file), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert "hush-hush" not in told
    assert "Traceback" not in told


def test_options_that_do_not_go_together_are_one_sentence_that_names_file_and_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment, file = tmp_path / "deployment.toml", tmp_path / "secrets.json"
    deployment.write_text(DEPLOYMENT.replace("babelforce", "dialogtech"))
    file.touch(0o600)
    file.write_text(json.dumps({"recordings/acme": {"access_key": "key", "secret_access_key": "hush-hush"}}))
    arguments = ["local", "--deployment", str(deployment), "--secrets", str(file), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{deployment}: sources.acme: dialogtech finds nothing")
    assert told.count("\n") == 1


def test_a_source_whose_start_has_not_come_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deployment.toml"
    started = DEPLOYMENT.partition("[sources.acme]")[2]
    file.write_text(
        f"{DEPLOYMENT}start = 2027-01-01T00:00:00Z\n[sources.dialer]{started}start = 2025-01-01T00:00:00Z\n"
    )
    name_what_begins_later(read(file), datetime(2026, 1, 1, tzinfo=UTC), Output("local"))
    assert capsys.readouterr().err == "acme: nothing is archived before its start, 2027-01-01T00:00Z\n"
