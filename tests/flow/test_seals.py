"""A local run seals the days that leave its window, and what was sealed shows later what somebody did to the folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from simulators.providers.babelforce import Babelforce
from tests.harness.calendar import Calendar
from tests.harness.local import SMALL, LocalBench


def first_line(path: Path) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    return line


def test_yesterday_is_sealed_signed_and_complete_and_sealed_again_when_a_file_is_gone(
    tmp_path: Path, calendar: Calendar, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    words = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(words, check=True, timeout=30)
    with Babelforce(recordings=12, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme}, lines='reconcile = "1 day"')
        yesterday = calendar.yesterday.isoformat()
        assert bench.run_here(sign_key=key) == 0
        *before, seal = sorted(bench.out.glob("seals/source=acme/date=*/*.jsonl"))
        assert seal.parent.name == f"date={yesterday}"
        assert {first_line(each)["complete"] for each in before} <= {"unknown"}
        head = first_line(seal)
        kept = len([*bench.out.glob(f"audio/source=acme/date={yesterday}/*")])
        assert (head["listed"], head["archived"], head["missing"], head["complete"]) == (kept, kept, 0, True)
        log = (bench.out / "log.jsonl").read_text(encoding="utf-8")
        *_, told = (line for line in map(json.loads, log.splitlines()) if line["message"] == "day sealed")
        assert main(["seal", "verify", "-a", str(bench.out), "--head", told["sha256"]]) == 0
        number = f"{len(before) + 1} seal{'s' * bool(before)}, {len(before) + 1} signed"
        assert f"acme: {number}" in capsys.readouterr().out
        lost = next(bench.out.glob(f"audio/source=acme/date={yesterday}/*"))
        lost.unlink()
        acme.recordings.clear()
        assert bench.run_here(sign_key=key, reconcile=True) == 6
        again = first_line(seal.with_name("0002.jsonl"))
        assert (again["archived"], again["missing"], again["complete"]) == (kept - 1, 1, False)
        assert again["previous"] == told["sha256"]


def test_where_seals_are_signed_nothing_is_begun_without_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "archive"
    with Babelforce(recordings=2, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme})
        assert bench.run_here() == 0
        (out / "seals").mkdir(exist_ok=True)
        (out / "seals" / "public-key-0123456789abcdef.pem").write_text("a key")
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.suffix == ".jsonl"}
        given = ["--deployment", str(bench.deployment), "--secrets", str(bench.secrets)]
        for words in (
            ["local", *given, "--out", str(out)],
            ["reconcile", "acme", "-a", str(out), *given],
            ["seal", "-a", str(out)],
        ):
            assert main(words) == 2, words
            assert "give --sign-key FILE" in capsys.readouterr().err
        assert {path: path.read_bytes() for path in before} == before


def test_the_commands_of_the_documentation_check_a_seal_by_themselves(tmp_path: Path) -> None:
    page = Path("docs/evidence.md").read_text(encoding="utf-8")
    signature, recording = (block.partition("```")[0] for block in page.split("```bash\n")[1:])
    key = tmp_path / "key.pem"
    words = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(words, check=True, timeout=30)
    with Babelforce(recordings=12, **SMALL) as acme:
        bench = LocalBench(folder=tmp_path, sources={"acme": acme}, lines='reconcile = "1 day"')
        assert bench.run_here(sign_key=key) == 0
    *_, seal = sorted(bench.out.glob("seals/source=acme/date=*/*.jsonl"))
    audio = next(bench.out.glob(f"audio/source=acme/{seal.parent.name}/*"))
    sidecar = json.loads((bench.out / "metadata/source=acme" / seal.parent.name / f"{audio.stem}.json").read_bytes())
    at_hand = tmp_path / "at-hand"
    at_hand.mkdir()
    (public,) = bench.out.glob("seals/public-key-*.pem")
    files = {seal.name: seal, f"{seal.name}.sig": seal.with_name(f"{seal.name}.sig")}
    for name, path in {**files, "public-key.pem": public, "recording.mp3": audio}.items():
        (at_hand / name).write_bytes(path.read_bytes())

    def typed(commands: str) -> subprocess.CompletedProcess[str]:
        known = {"KEY": sidecar["key"], "VERSION_ID": sidecar["version_id"], "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            ["bash", "-c", commands], cwd=at_hand, env=known, capture_output=True, text=True, check=False, timeout=30
        )

    assert typed(signature).stdout.startswith("Verified OK\n")
    assert sidecar["sha256"] in typed(recording).stdout
    (at_hand / "recording.mp3").write_bytes(b"another")
    assert typed(recording).returncode != 0
    (at_hand / seal.name).write_bytes(seal.read_bytes() + b"\n")
    assert "Verified OK" not in typed(signature).stdout
