"""Every case from practice, through the real listing and the real archiver, or through a real import."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.field.bench import SPAN, START, Bench
from tests.field.case import Case, names, read
from tests.field.origin import World
from tests.property.grounds import Ground, ground

NOT_YET: Mapping[str, str] = {}
"""The cases that still go wrong, each with its reason. Whoever mends one takes it off here."""

DEPLOYMENT = """
[archive]
name = "recordings"
[sources.field]
provider = "{provider}"
base_url = "https://field.example"
secret = "field"
"""


def _marked(chosen: Sequence[str]) -> list[Any]:
    broken = {name: pytest.mark.xfail(strict=True, reason=reason) for name, reason in NOT_YET.items()}
    return [pytest.param(name, marks=broken[name]) if name in broken else name for name in chosen]


@pytest.fixture(scope="module")
def shared() -> Iterator[Ground]:
    """For all cases: each has a source of its own."""
    with ground("folder") as made:
        yield made


@pytest.mark.parametrize("name", _marked([name for name in names() if read(name).archive is None]))
def test_a_provider_s_oddity_loses_no_recording(name: str, shared: Ground) -> None:
    case = read(name)
    with World(case, start=START, span=SPAN) as world:
        bench = Bench(shared, world)
        bench.list()
        bench.work_off()
        for companion in world.companions:
            assert bench.state(companion.id) == "archived", "an ordinary recording beside it"
        assert bench.state(world.target.id) in case.states, bench.reason(world.target.id)
        if case.wanted is not None:
            _check_archived(case, bench, world.target.id)
        assert world.fetches >= case.expect.get("fetches", 0)


def _check_archived(case: Case, bench: Bench, id_: str) -> None:
    entry = bench.ledger.find(id_)
    assert entry is not None
    assert entry.stored is not None
    assert bench.kept(id_) == case.wanted
    assert not case.allowed("extension") or entry.stored.key.rpartition(".")[2] in case.allowed("extension")
    assert not case.allowed("content_type") or entry.stored.content_type in case.allowed("content_type")
    sidecar = bench.sidecar(entry)
    for field, values in case.expect.get("sidecar", {}).items():
        assert sidecar[field] in values
    for name in case.expect.get("document_has", ()):
        assert name in str(sidecar["provider_document"])


@pytest.mark.parametrize("name", _marked([name for name in names() if read(name).archive is not None]))
def test_an_import_tells_what_became_of_each_recording(name: str, tmp_path: Path) -> None:
    case = read(name)
    deployment, out = tmp_path / "deployment.toml", tmp_path / "out"
    deployment.write_text(DEPLOYMENT.format(provider=case.provider), encoding="utf-8")
    words = ["import", "--deployment", str(deployment), "--source", "field", "--out", str(out), str(case.archive)]
    # A process of its own, as on the command line: the embedded services live as long as theirs.
    done = subprocess.run([sys.executable, "-m", "ops", *words], capture_output=True, text=True, check=False)
    stored = [path.read_bytes() for path in (out / "audio").rglob("*") if path.is_file()]
    digests = {hashlib.sha256(body).hexdigest() for body in stored}
    assert set(case.expect.get("archived", {}).values()) <= digests, done.stdout
    assert len(stored) == case.expect.get("stored", len(stored))
    assert done.returncode == case.expect["exit"], done.stdout + done.stderr


def test_every_case_that_still_goes_wrong_exists() -> None:
    assert set(NOT_YET) <= set(names())
