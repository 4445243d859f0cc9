"""All providers from their simulators into an archive on disk, through everything in between, while things go wrong.

One run for all of them: waiting costs the same for one source and for nine.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import inspect
import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from functions.archiver.object_keys import safe_name
from functions.providers import load
from ops.local.options import Options
from ops.local.run import run
from simulators.exchange import Request, Route
from simulators.faults import Fault
from simulators.server import Simulator

REQUESTS_PER_MINUTE = 900
LATE_SECONDS = 0.5
"""By so much may requests bunch that were sent at their distance."""

HOSTILE_IDS = ("a/b", "two words & more", "Ünïcødé-録音")
OTHER_FRAMING = [Fault("chunked"), Fault("no_length"), Fault("redirect")]


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What goes wrong with a source. `made` are arguments of its simulator, `broken` is a recording's state."""

    parallel: int
    broken: Literal["failed", "ready"]
    faults: list[Fault]
    made: dict[str, Any] = field(default_factory=dict)


MIXES = {
    "babelforce": Mix(
        parallel=1,
        broken="failed",
        faults=[
            Fault("status", where="token", value=503),
            Fault("wrong_length", skip=2),
            Fault("html"),
            Fault("cut_chunked", skip=5),
            *OTHER_FRAMING,
        ],
        made={"wrong_page_echo": True, "max_rows": 5},
    ),
    "telesign": Mix(
        parallel=2,
        broken="ready",
        faults=[
            Fault("html", where="list"),
            Fault("status", where="lookup", value=500, skip=3),
            Fault("bare_header"),
            Fault("entity_bomb"),
            *OTHER_FRAMING[:2],
        ],
        made={"transcript_lookups": 2},
    ),
    "dialogtech": Mix(
        parallel=3,
        broken="failed",
        faults=[
            Fault("entity_bomb", where="report"),
            Fault("status", value=429, retry_after=1, skip=4),
            Fault("json"),
            Fault("bare_header"),
            *OTHER_FRAMING,
        ],
        made={"timezone": "America/Chicago"},
    ),
    "kazoo": Mix(
        parallel=1,
        broken="ready",
        faults=[
            Fault("deep", where="list", skip=1),
            Fault("early_end", skip=6),
            Fault("json"),
            Fault("gzip"),
            *OTHER_FRAMING,
        ],
        made={"bucket": None},
    ),
    "zoom": Mix(
        parallel=2,
        broken="ready",
        faults=[
            Fault("status", where="token", value=503),
            Fault("html", where="list"),
            Fault("status", value=429, retry_after=1, skip=4),
            Fault("bare_header"),
            *OTHER_FRAMING[:2],
        ],
        made={"redirects": False},
    ),
    "ringcentral": Mix(
        parallel=1,
        broken="failed",
        faults=[
            Fault("status", where="token", value=503),
            Fault("html", where="list"),
            Fault("early_end", skip=2),
            *OTHER_FRAMING,
        ],
        made={"legs_every": 3},
    ),
    "genesys": Mix(
        parallel=2,
        broken="failed",
        faults=[
            Fault("status", where="token", value=503),
            Fault("html", where="files", skip=1),
            Fault("status", where="lookup", value=500, skip=2),
            Fault("bare_header"),
            Fault("cut_chunked", skip=3),
            *OTHER_FRAMING[:2],
        ],
        made={"files_every": 3, "made_after": 1},
    ),
    "twilio": Mix(
        parallel=2,
        broken="failed",
        faults=[
            Fault("html", where="list"),
            Fault("status", value=429, skip=2),
            Fault("bare_header"),
            Fault("early_end", skip=3),
            *OTHER_FRAMING,
        ],
    ),
    "aircall": Mix(
        parallel=2,
        broken="ready",
        faults=[
            Fault("status", where="lookup", value=503, skip=1),
            Fault("html", where="list"),
            Fault("cut_chunked", skip=2),
            Fault("json"),
            *OTHER_FRAMING[:2],
        ],
    ),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source while and after the run. `broken` never has audio, `vanishing` is listed and not there."""

    name: str
    mix: Mix
    simulator: Simulator
    broken: str
    vanishing: str
    late: str

    def entries(self, folder: Path) -> dict[str, dict[str, Any]]:
        lines = map(json.loads, (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines())
        return {entry["recording_id"]: entry for entry in lines if entry["source"] == self.name}

    def deployment(self) -> str:
        lines = [
            f"[sources.{self.name}]",
            f'provider = "{self.name}"',
            f'base_url = "{self.simulator.base_url}"',
            f'secret = "flow/{self.name}"',
            f"requests_per_minute = {REQUESTS_PER_MINUTE}",
            f"max_parallel_downloads = {self.mix.parallel}",
            "allow_private_addresses = true",
            f"start = {self.simulator.start:%Y-%m-%dT00:00:00Z}",
            f"[sources.{self.name}.options]",
            *(f"{key} = {toml(value)}" for key, value in self.simulator.options.items()),
        ]
        return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def simulator_of(name: str) -> type[Simulator]:
    members = vars(importlib.import_module(f"simulators.providers.{name}")).values()
    found = (each for each in members if inspect.isclass(each) and issubclass(each, Simulator))
    return next(each for each in found if each.__module__ == f"simulators.providers.{name}")


def source_with(name: str, simulator: Simulator) -> Source:
    for hostile in HOSTILE_IDS:
        if name == "aircall":  # whose files have no ids of their own: they are made of their call's
            simulator.add(recording_id=f"{hostile}-recording", call_id=hostile)
        else:
            simulator.add(recording_id=hostile)
    broken = simulator.add(state=MIXES[name].broken).id
    simulator.faults.add(Fault("html", recording_id=broken, times=None))
    for fault in MIXES[name].faults:
        simulator.faults.add(fault)
    return Source(
        name=name,
        mix=MIXES[name],
        simulator=simulator,
        broken=broken,
        vanishing=simulator.add().id,
        late=simulator.add(state="unfinished").id,
    )


def let_vanish(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording is in every list until somebody asks for it."""
    simulator, route_as_it_is = source.simulator, source.simulator.route
    ids = {source.vanishing, simulator.recordings[source.vanishing].call_id}

    def route(request: Request) -> Route:
        asked = (*request.parts, request.query.get("sid", ""))
        lists = route_as_it_is(request).kind in ("list", "files")
        if not lists and any(id_ in each for id_ in ids for each in asked) and source.vanishing in simulator.recordings:
            simulator.remove(source.vanishing)
        return route_as_it_is(request)

    monkeypatch.setattr(simulator, "route", route)


@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")
def test_whatever_goes_wrong_each_recording_comes_to_its_right_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    deployment, secrets, out = (tmp_path / part for part in ("deployment.toml", "secrets.json", "out"))
    with ExitStack() as running:
        made = {name: simulator_of(name)(recordings=5, sizes=(3000, 30_000), **mix.made) for name, mix in MIXES.items()}
        sources = [source_with(name, running.enter_context(simulator)) for name, simulator in made.items()]
        for source in sources:
            let_vanish(source, monkeypatch)
            finishing = threading.Timer(4.0, source.simulator.finish, [source.late])
            running.callback(finishing.join)
            finishing.start()
        given = "\n".join(source.deployment() for source in sources)
        deployment.write_text(f'[archive]\nname = "flow"\n\n{given}', encoding="utf-8")
        secrets.write_text(json.dumps({f"flow/{name}": simulator.secret for name, simulator in made.items()}))
        code = run(Options(deployment=deployment, secrets=secrets, out=out, skip_waits=True), threading.Event())
    gc.collect()  # of the embedded S3's files, whose warnings belong to this test
    printed = "".join(capfd.readouterr())
    assert code == 1, "recordings that failed are something for a person"
    for source in sources:
        each_is_archived_once_with_its_very_bytes(source, out)
        what_vanished_is_gone_and_what_is_broken_failed_with_a_reason(source, out)
        the_terminal_tells_what_a_person_has_to_look_at(source, printed)
        no_secret_is_anywhere(source, out, printed)
        the_provider_saw_its_limits_kept(source)
        every_fault_came_to_pass(source)


def each_is_archived_once_with_its_very_bytes(source: Source, out: Path) -> None:
    entries = source.entries(out)
    wanted = set(source.simulator.recordings) - {source.broken}
    assert {id_ for id_, entry in entries.items() if entry["state"] == "archived"} == wanted
    for id_ in wanted:
        (audio,) = out.glob(f"audio/source={source.name}/date=*/{safe_name(id_)}.*")
        digest = hashlib.sha256(audio.read_bytes()).hexdigest()
        assert digest == source.simulator.recordings[id_].sha256 == entries[id_]["sha256"]
        (sidecar,) = out.glob(f"metadata/source={source.name}/date=*/{safe_name(id_)}.json")
        assert json.loads(sidecar.read_text(encoding="utf-8"))["sha256"] == digest
    assert len(list(out.glob(f"audio/source={source.name}/*/*"))) == len(wanted)
    transcripts = list(out.glob(f"transcripts/source={source.name}/*/*"))
    assert len(transcripts) == (len(wanted) if load(source.name).declaration.transcripts else 0)


def what_vanished_is_gone_and_what_is_broken_failed_with_a_reason(source: Source, out: Path) -> None:
    ended = {id_: entry for id_, entry in source.entries(out).items() if entry["state"] != "archived"}
    states = {id_: entry["state"] for id_, entry in ended.items()}
    assert states == {source.vanishing: "gone", source.broken: "failed"}
    assert all(entry["reason"] for entry in ended.values())


def the_terminal_tells_what_a_person_has_to_look_at(source: Source, printed: str) -> None:
    (told,) = [line for line in printed.splitlines() if line.startswith(f"{source.name}: '")]
    assert told.startswith(f"{source.name}: {source.broken!r} has failed: ")


def no_secret_is_anywhere(source: Source, out: Path, printed: str) -> None:
    public = load(source.name).declaration.public_fields
    hidden = {value for key, value in source.simulator.secret.items() if key not in public}
    written = [path.read_bytes() for path in out.rglob("*") if path.is_file() and "audio" not in path.parts]
    assert written
    for secret in hidden | source.simulator.confidential:
        assert secret not in printed
        assert not any(secret.encode() in content for content in written)


def the_provider_saw_its_limits_kept(source: Source) -> None:
    assert 1 <= source.simulator.peak_parallel_media() <= source.mix.parallel
    for seconds in (2.0, 60.0):
        most = (seconds + LATE_SECONDS) * REQUESTS_PER_MINUTE / 60 + 1
        assert source.simulator.busiest_window(seconds) <= most
    assert not any(served.host == "other" and served.credentials for served in source.simulator.log)


def every_fault_came_to_pass(source: Source) -> None:
    struck = {served.fault for served in source.simulator.log}
    assert {fault.kind for fault in source.mix.faults} <= struck
