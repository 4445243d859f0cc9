"""The generated provider works from the first minute on: it is tested as it is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.provider.provider import Account
from functions.archiver.recording import Recording, Window
from functions.archiver.secret import Secret
from ops.__main__ import main
from ops.provider.template import write
from tests.doubles.http_client import http_to
from tests.doubles.http_server import HttpServer, Reply

JANUARY = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, tzinfo=UTC))
ROW = b'{"id": "a/b", "created_at": "2026-01-05T12:00:00Z", "status": "completed"}'


def written(name: str, root: Path) -> Sequence[Path]:
    for folder in ("functions/providers", "tests/providers"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    return write(name, root)


def generated(folder: Path) -> Any:
    module_path, _ = written("acme_phones", folder)
    spec = importlib.util.spec_from_file_location("acme_phones", module_path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.AcmePhones


def test_a_generated_provider_lists_describes_and_opens(tmp_path: Path) -> None:
    kind = generated(tmp_path)
    assert kind.declaration.title == "Acme Phones"
    with HttpServer() as server:
        server.on("/v1/recordings", Reply(body=b'{"items": [' + ROW + b', {"id": ""}], "next_cursor": "n"}'))
        server.on("/v1/recordings/a%2Fb", Reply(body=ROW))
        server.on("/v1/recordings/a%2Fb/audio", Reply(body=b"RIFF"))
        account = Account(source="acme", base_url=server.url, credentials={"api_key": Secret("k3y")})
        provider = kind(http_to(server.url), account)
        page = provider.page(JANUARY, None)
        with provider.open(Recording(id="a/b")) as opened:
            assert opened.body.read(10) == b"RIFF"
        assert provider.describe("a/b") == page.recordings[0]
        assert {seen.headers["authorization"] for seen in server.requests} == {"Bearer k3y"}
    assert (page.next_cursor, page.rows, page.problem) == ("n", 2, "1 rows have no usable id or date")


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_there_is_never_overwritten(tmp_path: Path, which: int) -> None:
    paths = written("acme", tmp_path)
    paths[which].write_text("mine")
    paths[1 - which].unlink()
    with pytest.raises(FileExistsError):
        write("acme", tmp_path)
    assert paths[which].read_text() == "mine"
    assert not paths[1 - which].exists()


@pytest.mark.parametrize("name", ["", "Acme", "../acme", "acme.py", "1acme", "kazoo"])
def test_a_name_that_cannot_be_is_refused_with_a_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-provider", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
