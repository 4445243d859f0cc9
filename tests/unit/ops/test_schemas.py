"""The schemas of the verbs' JSON, and the verbs that print and complete."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator, ValidationError

from ops.__main__ import main
from ops.docs.schemas import names, path_of
from ops.shell.program import verbs
from ops.shell.verb import VerbGroup
from tests.harness.schemas import checked

WITHOUT_A_DOCUMENT = {"schema", "completion"}
"""They print what other programs read."""

AS_DELIVERED = "event"
"""No verb's, but that of an event, whose detail is ours and whose rest is EventBridge's."""


def every_verb() -> set[str]:
    return {
        path
        for name, command in verbs()
        for path in ([f"{name}-{each}" for each in command.commands] if isinstance(command, VerbGroup) else [name])
    }


def test_every_verb_has_a_schema() -> None:
    assert every_verb() - WITHOUT_A_DOCUMENT <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_schema_is_one_and_names_itself(name: str) -> None:
    schema = json.loads(path_of(name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    own = schema["properties"]["detail"] if name == AS_DELIVERED else schema
    assert own["properties"]["schema"] == {"const": f"recordings.{name}/1"}
    assert "schema" in own["required"]


def test_a_document_that_does_not_fit_is_found() -> None:
    with pytest.raises(ValidationError):
        checked('{"schema": "recordings.provider-get/1"}')


@pytest.mark.parametrize("words", [("provider", "list"), ("provider-list",)])
def test_a_schema_is_printed_by_the_verb_s_name(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *words]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["schema"]["const"] == "recordings.provider-list/1"


def test_seal_has_the_schema_of_the_verb_that_it_is_short_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "seal"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["schema"]["const"] == "recordings.seal-days/1"


@pytest.mark.parametrize("name", ["nothing", "../../pyproject", ""])
def test_a_schema_that_is_not_there_is_answered_with_those_that_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", name]) == 3
    assert "provider-list" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_RECORDINGS_COMPLETE" in capsys.readouterr().out


def test_a_shell_completes_verbs_and_options() -> None:
    def completed(words: str) -> set[str]:
        count = len(words.split()) - (0 if words.endswith(" ") else 1)
        environment = {"_RECORDINGS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        done = subprocess.run(
            [sys.executable, "-m", "ops"], env=environment, capture_output=True, text=True, check=True
        )
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert {"provider", "local", "schema"} <= completed("recordings ")
    assert completed("recordings provi") == {"provider"}
    assert "--deployment" in completed("recordings local --de")
    assert "list" in completed("recordings provider acme l")
