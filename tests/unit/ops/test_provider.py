"""`recordings provider` against a local server that plays DialogTech, or babelforce where DialogTech cannot."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.providers.dialogtech import SCRIPT
from ops.__main__ import main
from ops.provider.connection import MinimumInterval
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.schemas import checked

SID = "0907065723240097"
DEPLOYMENT = """
[archive]
name = "recordings"
[sources.phones]
provider = "dialogtech"
base_url = "{url}"
secret = "phones"
requests_per_minute = 6000
allow_private_addresses = true
[sources.phones.options]
lists = [{{ type = "findme", id = 7 }}]
[sources.dialer]
provider = "babelforce"
base_url = "{url}"
secret = "dialer"
requests_per_minute = 6000
allow_private_addresses = true
"""
SECRETS = {
    "phones": {"access_key": "pub-1234", "secret_access_key": "hidden-5678"},
    "dialer": {"access_id": "id", "access_token": "hidden-token"},
}
LISTED = (
    "<response><result>success</result><data>"
    f"<recording><sid>{SID}</sid><dnis>8475551234</dnis><date>2026-01-05 12:00:00</date></recording>"
    "</data></response>"
)


def success(text: str) -> Reply:
    body = f"<response><result>success</result><result_description>{text}</result_description></response>"
    return Reply(body=body.encode())


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        running.on(SCRIPT, Reply(body=LISTED.encode()))
        yield running


class ByHand:
    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._deployment = folder / "deployment.toml"
        self._secrets = folder / "secrets.json"
        self._deployment.write_text(DEPLOYMENT.format(url=url))
        self._secrets.write_text(json.dumps(SECRETS))
        self._capsys = capsys

    def __call__(self, source: str, *words: str) -> tuple[int, str, str]:
        files = ["--deployment", str(self._deployment), "--secrets", str(self._secrets)]
        code = main(["provider", source, *files, *words])
        said = self._capsys.readouterr()
        assert "hidden" not in said.out + said.err
        return code, said.out, said.err


@pytest.fixture
def by_hand(tmp_path: Path, server: HttpServer, capsys: pytest.CaptureFixture[str]) -> ByHand:
    return ByHand(tmp_path, server.url, capsys)


def test_a_list_has_a_json_object_on_each_line(by_hand: ByHand) -> None:
    code, out, _ = by_hand("phones", "list", "--from", "2026-01-01", "--to", "2026-02-01")
    (row,) = map(checked, out.splitlines())
    assert (code, row["schema"], row["id"], row["recorded_at"]) == (
        0,
        "recordings.provider-list/1",
        SID,
        "2026-01-05T12:00:00+00:00",
    )
    assert by_hand("phones", "list", "--from", "2026-02-01", "--to", "2026-02-02")[:2] == (0, "")


def test_the_facts_of_a_recording_come_with_its_audio_on_demand(
    by_hand: ByHand, server: HttpServer, tmp_path: Path
) -> None:
    audio = tmp_path / "audio.wav"
    server.on(SCRIPT, Reply(body=LISTED.encode()), Reply(body=b"RIFF" + b"x" * 100))
    code, out, _ = by_hand("phones", "get", SID, "--audio", str(audio))
    assert (code, checked(out)["to_number"], audio.read_bytes()) == (0, "8475551234", b"RIFF" + b"x" * 100)


def test_audio_never_overwrites_a_file(by_hand: ByHand, tmp_path: Path) -> None:
    audio = tmp_path / "audio.wav"
    audio.write_bytes(b"mine")
    assert by_hand("phones", "get", SID, "--audio", str(audio))[0] == 2
    assert audio.read_bytes() == b"mine"


def test_audio_that_ends_early_leaves_no_file(by_hand: ByHand, server: HttpServer, tmp_path: Path) -> None:
    audio = tmp_path / "audio.wav"
    server.on(SCRIPT, Reply(body=LISTED.encode()), Reply(body=b"RIFF" + b"x" * 100, cut=50))
    assert by_hand("phones", "get", SID, "--audio", str(audio))[0] == 5
    assert not audio.exists()


class Terminal(io.StringIO):
    """Standard input with somebody at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "requests"),
    [(f"{SID}\n", 0, 1), (f" {SID} \n", 0, 1), ("1\n", 0, 1), ("y\n", 4, 0), ("2\n", 4, 0), ("\n", 4, 0), ("", 4, 0)],
)
def test_a_delete_happens_only_when_the_count_or_the_one_id_is_typed(
    by_hand: ByHand, server: HttpServer, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, requests: int
) -> None:
    server.on(SCRIPT, success("removed"))
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert by_hand("phones", "delete", SID)[0] == code
    assert [seen.query["action"] for seen in server.requests] == ["recording.remove"] * requests


def test_a_script_can_delete_without_a_question(by_hand: ByHand, server: HttpServer) -> None:
    server.on(SCRIPT, success("removed"))
    assert by_hand("phones", "delete", "--yes", "1", "2") == (0, "removed\nremoved\n", "")
    assert [seen.query["sid"] for seen in server.requests] == ["1", "2"]


@pytest.mark.parametrize(
    ("words", "code", "sids"),
    [
        (("1", "2", "--confirm", "2"), 0, ["1", "2"]),
        (("1", "1", "--confirm", "1"), 0, ["1"]),
        (("1", "2", "--confirm", "1"), 4, []),
        (("1", "2", "--dry-run"), 0, []),
        (("1", "2", "--dry-run", "--confirm", "2"), 0, []),
    ],
)
def test_a_script_confirms_by_the_count(
    by_hand: ByHand, server: HttpServer, words: tuple[str, ...], code: int, sids: list[str]
) -> None:
    server.on(SCRIPT, success("removed"))
    assert by_hand("phones", "delete", *words)[0] == code
    assert [seen.query["sid"] for seen in server.requests] == sids


def test_without_a_terminal_a_delete_prints_its_plan_and_the_way_to_confirm_it(
    by_hand: ByHand, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, out, err = by_hand("phones", "delete", "1", "2")
    assert (code, out.count("\n"), err) == (4, 2, "nobody to ask: repeat with --confirm 2\n")
    assert server.requests == []


def test_a_recording_that_the_provider_has_not_is_named(by_hand: ByHand, server: HttpServer) -> None:
    server.on("/api/v2/recordings/nosuch", Reply(status=404))
    assert by_hand("dialer", "get", "nosuch") == (3, "", "dialer has no recording 'nosuch'\n")


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        ("yesterday", "2026-01-01", "'yesterday' is not a date or time; write it as 2026-01-31"),
        ("2026-02-02", "2026-02-01", "--from 2026-02-02T00:00Z is not before --to 2026-02-01T00:00Z"),
    ],
)
def test_a_span_that_is_none_is_one_sentence(
    by_hand: ByHand, server: HttpServer, since: str, until: str, sentence: str
) -> None:
    code, out, err = by_hand("phones", "list", "--from", since, "--to", until)
    assert (code, out, sentence in err) == (2, "", True)
    assert server.requests == []


def test_without_a_region_the_ways_to_the_secret_are_named(
    by_hand: ByHand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["provider", "phones", "list", "--deployment", str(tmp_path / "deployment.toml")]) == 2
    assert capsys.readouterr().err.endswith("set AWS_REGION, or give --secrets FILE\n")


def test_several_are_deleted_in_one_request_where_the_provider_has_one(by_hand: ByHand, server: HttpServer) -> None:
    told = {"success": True, "items": [{"id": id_, "success": True} for id_ in ("a", "b")]}
    server.on("/api/v2/recordings/bulk/delete", Reply(body=json.dumps(told).encode()))
    assert by_hand("dialer", "delete", "--yes", "a", "b") == (0, "deleted 2 recordings\n", "")
    assert json.loads(server.requests[-1].body) == {"ids": ["a", "b"]}


def test_what_a_deletion_of_several_left_is_deleted_by_itself(by_hand: ByHand, server: HttpServer) -> None:
    told = {"success": True, "items": [{"id": "a", "success": True}, {"id": "b", "success": False}]}
    server.on("/api/v2/recordings/bulk/delete", Reply(body=json.dumps(told).encode()))
    server.on("/api/v2/recordings/b", Reply())
    said = "deleted 1 recording\ndeleted recording b\n"
    assert by_hand("dialer", "delete", "--yes", "a", "b") == (0, said, "")


def test_options_stand_in_any_order(by_hand: ByHand, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--deployment", str(tmp_path / "deployment.toml"), "--secrets", str(tmp_path / "secrets.json")]
    span = ["--from", "2026-01-01", "--to", "2026-02-01"]
    orders = (
        ["provider", "phones", "list", *span, *files],
        ["provider", *files, "phones", "list", *span],
        ["--json", "--tz", "Europe/Berlin", "provider", *files[:2], "phones", *files[2:], "list", *span],
        ["provider", "phones", "--json", "list", *files, *span, "--tz=UTC"],
    )
    for words in orders:
        assert main(words) == 0, words
        assert SID in capsys.readouterr().out


def test_a_refusal_is_told_on_standard_error(by_hand: ByHand, server: HttpServer) -> None:
    text = b"<result>failed</result><result_description>Not today, hidden-5678</result_description>"
    server.on(SCRIPT, Reply(status=400, body=b"<response>" + text + b"</response>"))
    code, out, err = by_hand("phones", "delete", "--yes", "1")
    assert (code, out) == (5, "")
    assert err == "phones: the delete request was answered with 400: Not today, ***\n"


def test_a_recording_that_the_provider_does_not_have_is_named_after_all_others_are_deleted(
    by_hand: ByHand, server: HttpServer
) -> None:
    text = b"<result>failed</result><result_description>File not found</result_description>"
    server.on(SCRIPT, Reply(status=404, body=b"<response>" + text + b"</response>"), success("removed"))
    said = "phones: the provider has no recording '1'\n"
    assert by_hand("phones", "delete", "--yes", "1", "2") == (3, "removed\n", said)
    assert [seen.query["sid"] for seen in server.requests] == ["1", "2"]


@pytest.mark.parametrize(
    "words",
    [("delete", "--yes", "1"), ("upload", "--type", "findme", "--id", "7", "https://example.com/a.wav")],
    ids=lambda words: words[0],
)
def test_with_json_an_operation_answers_with_one_document(
    by_hand: ByHand, server: HttpServer, words: tuple[str, ...]
) -> None:
    server.on(SCRIPT, success("done"))
    code, out, err = by_hand("phones", *words, "--json")
    assert (code, checked(out)["said"], err) == (0, ["done"], "done\n")


def test_audio_is_handed_over_by_type_and_id(by_hand: ByHand, server: HttpServer) -> None:
    server.on(SCRIPT, success("File uploaded"))
    path = "https://example.com/a.wav"
    assert by_hand("phones", "upload", "--type", "findme", "--id", "7", path) == (0, "File uploaded\n", "")
    assert server.requests[0].query["path"] == path


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("phones", "annotate", SID, "{}"), 2, "DialogTech has no way to annotate a recording"),
        (("dialer", "upload", "--type", "findme", "--id", "7", "x"), 2, "babelforce takes no audio"),
        (("dialer", "annotate", "1", "tags"), 2, 'the notes must be a JSON object, such as {"tags": ["sales"]}'),
        (("nobody", "list"), 3, "the deployment file has no source 'nobody'. It has phones, dialer."),
        (("phoned", "list"), 3, "the deployment file has no source 'phoned'. Did you mean 'phones'?"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_no_request(
    by_hand: ByHand, server: HttpServer, words: tuple[str, ...], code: int, sentence: str
) -> None:
    assert by_hand(*words) == (code, "", f"{sentence}\n")
    assert server.requests == []


def test_requests_by_hand_keep_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    monkeypatch.setattr("time.sleep", slept.append)
    pace = MinimumInterval(30)
    pace.book("list")
    pace.book("list")
    assert slept == [0.0, pytest.approx(60.5 / 30)]
