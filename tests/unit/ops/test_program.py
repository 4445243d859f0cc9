"""The program around the verbs: how they are found, what it says on mistakes, how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from functions.archiver.errors import Misconfigured, NotFound, Throttled
from ops.__main__ import main
from ops.shell.failures import failure_of
from ops.shell.output import ExitCode, Failure
from ops.shell.program import verbs
from ops.shell.verb import Shared, Topic, Verb, VerbGroup, leading_options, verb
from ops.shell.version import ROOT

HEAVY = {"boto3", "botocore", "moto", "aws_cdk", "jsii", "rich", "flask", "requests", "aws_lambda_powertools"}
RECORDINGS = [sys.executable, "-m", "ops"]


def every_verb() -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for name, command in verbs():
        paths.append((name,))
        if isinstance(command, VerbGroup):
            arguments = [str(each.name) for each in command.params if isinstance(each, click.Argument)]
            paths += [(name, *arguments, each) for each in command.commands]
    return paths


@pytest.mark.parametrize("words", [(), *every_verb()], ids=" ".join)
def test_every_verb_has_a_help_with_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("-h", "--help"):
        assert main([*words, option]) == 0
        told = capsys.readouterr()
        assert told.out.startswith("Usage: recordings")
        assert told.err == ""
        assert re.search(r"(Example:|e\.g\.) recordings", told.out)


@pytest.mark.parametrize("words", [(), *every_verb()], ids=" ".join)
def test_help_can_be_pasted_and_ends_no_sentence_early(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    examples = dict(verbs())[words[0]].example if len(words) == 1 else ""
    assert main([*words, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"{examples}\n" in told
    assert not re.search(r"^  [a-z-]+  .*\.\.\.$", told, re.MULTILINE)


def test_whoever_has_only_a_folder_hears_how_to_name_it_where_aws_is_assumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "RECORDINGS_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / "deployments").mkdir()
    shutil.copy(ROOT / "deployments" / "example.toml", tmp_path / "deployments" / "mine.toml")
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 2
    assert "means the archive recordings on AWS, and no AWS region is set" in capsys.readouterr().err


def modules_after(*words: str) -> set[str]:
    """What a process of its own has imported when the program ends."""
    script = f"import sys; from ops.shell.program import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [(), *((name,) for name, _ in verbs())], ids=" ".join)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert not {name.partition(".")[0] for name in modules_after(*words, "--help")} & HEAVY


def test_only_the_verb_that_runs_is_imported() -> None:
    loaded = modules_after("local", "--help")
    assert {name for name in loaded if name.startswith("ops.commands.")} == {"ops.commands.local"}


def test_without_a_verb_the_verbs_are_listed_by_topic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    for name, command in verbs():
        assert re.search(rf"^  {name} ", told, re.MULTILINE), name
        assert f"\n{command.topic.value}:\n" in told


def test_the_version_names_the_commit_of_a_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"recordings \d+\.\d+\.\d+( \([0-9a-f]{7,}\))?\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["locl"], "Did you mean 'local'?"),
        (["imprt", "x.zip"], "Did you mean 'import'?"),
        (["local", "--deploymnt", "x"], "Did you mean '--deployment'?"),
        (["provider", "acme", "lst"], "Did you mean 'list'?"),
        (["demo", "--jsn"], "Did you mean '--json'?"),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    assert (told.out, sentence in told.err) == ("", True)
    assert re.search(r"^next: recordings.*--help$", told.err, re.MULTILINE)


def test_with_json_a_mistake_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--json", "locl"], ["local", "--json"], ["demo", "--tz", "Nowhere", "--json"]):
        assert main(words) == 2
        told = capsys.readouterr()
        error = json.loads(told.err)["error"]
        assert (told.out, told.err.count("\n"), set(error)) == ("", 1, {"code", "message", "next"})


def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(RECORDINGS, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.CLOSED_PIPE, b"")


def test_a_reader_that_goes_away_before_a_table_does_too() -> None:
    script = """
from ops.shell import program
from ops.shell.output import Column, Output
program._run = lambda words: Output("find").table([Column(head="id")], [["1"]])
raise SystemExit(program.main([]))
"""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.CLOSED_PIPE, b"")


def test_a_reader_of_standard_error_that_goes_away_does_too() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*RECORDINGS, "locl"], stdout=subprocess.PIPE, stderr=writing, check=False)
    os.close(writing)
    assert (done.returncode, done.stdout) == (ExitCode.CLOSED_PIPE, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing_and_give_their_numbers_to_no_file(closed: str) -> None:
    script = """
from ops.shell import program
from ops.shell.output import Column, Output
def run(words):
    Output("find").table([Column(head="id")], [["1"]])
    with open("/dev/null") as file:
        return 20 + (file.fileno() > 2)
program._run = run
raise SystemExit(program.main([]))
"""
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script]
    assert subprocess.run(shell, check=False).returncode == 21


@pytest.mark.parametrize(
    ("words", "told"), [(["--help"], "0 done · 1 done"), (["status", "--json", "-a", "/no/Müller-録音"], "Müller-録音")]
)
def test_everything_is_written_in_utf_8_in_every_locale(words: list[str], told: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([*RECORDINGS, *words], capture_output=True, env=environment, check=False)
    assert (done.returncode in (0, 3), told in (done.stdout + done.stderr).decode("utf-8")) == (True, True)


def test_ctrl_c_is_130() -> None:
    script = """
import os, signal
from ops.shell import program
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
program._run = lambda words: os.kill(os.getpid(), signal.SIGINT)
raise SystemExit(program.main([]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "stopped by you\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (EOFError(), 4),
        (click.Abort(), 4),
        (Misconfigured("no"), 2),
        (NotFound("no"), 3),
        (Throttled("no"), 5),
        (OSError(28, "No space left on device", "/x"), 5),
        (PermissionError(13, "Permission denied", "/x"), 5),
        (Failure(ExitCode.ALTERED, "no"), 6),
        (RuntimeError("no"), 70),
    ],
)
def test_every_end_has_its_code(error: BaseException, code: int) -> None:
    assert failure_of(error).code == code


def test_an_unexpected_exception_leaves_its_trace_in_a_file_of_the_owner_s_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        raise ZeroDivisionError("unexpected")
    except ZeroDivisionError as error:
        failure = failure_of(error)
    (file,) = tmp_path.iterdir()
    assert failure.message.endswith(f"in {file}")
    assert "Traceback" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_machine_without_room_for_temporary_files_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/nosuch"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.gettempdir()
    failure = failure_of(caught.value)
    assert (failure.code, "set TMPDIR" in failure.message) == (5, True)


@pytest.mark.parametrize(("code", "ends"), [("FULL", 5), ("BUSY", 5), ("CANTOPEN", 5), ("ERROR", 70)])
def test_a_search_index_that_its_disk_does_not_take_is_no_bug(code: str, ends: int) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
    failure = failure_of(error)
    assert (failure.code, failure.next) == (ends, "recordings index --where" if ends == 5 else None)


def test_aws_trouble_is_a_sentence_with_the_code_of_its_next_move() -> None:
    from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetItem")
    assert failure_of(denied).code == 5
    assert failure_of(EndpointConnectionError(endpoint_url="https://x")).code == 5
    for missing, option in ((NoCredentialsError(), "--profile"), (NoRegionError(), "--region")):
        failure = failure_of(missing)
        assert (failure.code, option in failure.message) == (2, True)


@pytest.mark.parametrize(
    ("words", "leading"),
    [
        (["-a", "x", "status"], ["-a", "x"]),
        (["-ax", "--json", "status", "--json"], ["-ax", "--json"]),
        (["--archive=x", "--tz", "UTC", "status"], ["--archive=x", "--tz", "UTC"]),
        (["--help", "-a", "x"], []),
        (["status", "-a", "x"], []),
        (["-a"], ["-a"]),
    ],
)
def test_the_options_of_every_verb_are_taken_before_it_too(words: list[str], leading: list[str]) -> None:
    assert leading_options(words) == (leading, words[len(leading) :])


def example(seen: list[Shared]) -> Verb:
    @verb(topic=Topic.DEVELOP, example="recordings example", name="example")
    def command(shared: Shared) -> ExitCode:
        """Nothing."""
        seen.append(shared)
        return ExitCode.LOOK

    return command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shared]:
    seen: list[Shared] = []
    command = example(seen)
    monkeypatch.setattr("ops.shell.program.Program.get_command", lambda self, context, name: command)

    def call(*words: str) -> Shared:
        assert main(words) == ExitCode.LOOK
        return seen[-1]

    return call


def test_every_verb_gets_the_same_five_options(run: Callable[..., Shared]) -> None:
    options = ("-a", "x", "--profile", "p", "--region", "r", "--tz", "Europe/Berlin", "--json")
    for shared in (run(*options, "example"), run("example", *options), run(*options[:4], "example", *options[4:])):
        assert (shared.path, shared.archive, shared.profile, shared.region) == ("example", "x", "p", "r")
        assert (str(shared.zone), shared.as_json) == ("Europe/Berlin", True)


def test_the_archive_comes_from_the_environment_unless_it_is_given(
    run: Callable[..., Shared], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("example").archive is None
    monkeypatch.setenv("RECORDINGS_ARCHIVE", "mine")
    assert run("example").archive == "mine"
    assert run("-a", "other", "example").archive == "other"


def test_the_region_comes_from_the_variable_that_is_advised_where_there_is_none(
    run: Callable[..., Shared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert run("example").region == "eu-central-1"
    assert run("example", "--region", "us-east-1").region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "")
    assert run("example").region is None


def test_a_demo_removes_no_archive_that_it_did_not_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "demo" / "archive" / "audio" / "mine.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"RIFF")
    assert main(["demo"]) == 4
    assert "demo/archive is there already, and no demo made it" in capsys.readouterr().err
    assert mine.read_bytes() == b"RIFF"
