"""One recording of each provider through everything that the template makes: environment, schedules, queues, routes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest

from functions.archiver.settings.deployment import Source
from functions.providers import load, names
from simulators.__main__ import load as simulator_of
from simulators.server import Simulator
from tests.contract import fixture
from tests.harness.deployed_functions import DeployedFunctions
from tests.harness.deployments import a_deployment, a_source

TURNS = 20
HOOKS = "https://hooks.example.com/webhooks/acme"
"""What a sample was signed for whose provider signs the URL."""

MADE: Mapping[str, dict[str, Any]] = {"kazoo": {"bucket": None}}


@pytest.fixture(scope="module")
def simulators() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as running:
        made = {name: simulator_of(name)(recordings=1, sizes=(3_000, 9_000), **MADE.get(name, {})) for name in names()}
        yield {name: running.enter_context(simulator) for name, simulator in made.items()}


@pytest.fixture(scope="module")
def archive(simulators: dict[str, Simulator]) -> DeployedFunctions:
    sources = [source_of(name, simulator) for name, simulator in simulators.items()]
    secrets = {source.secret: simulators[source.name].secret for source in sources}
    return DeployedFunctions(a_deployment(*sources, name="flow"), secrets)


def source_of(name: str, simulator: Simulator) -> Source:
    declaration = load(name).declaration
    return a_source(
        name,
        provider=name,
        base_url=simulator.base_url,
        start=simulator.start,
        overlap=declaration.overlap_minimum,
        options={**{each.name: each.default for each in declaration.options}, **simulator.options},
        requests_per_minute=600,
        webhook=bool(declaration.webhook),
        webhook_url=HOOKS if name == "twilio" else None,
        allow_private_addresses=True,
    )


@pytest.mark.parametrize("name", names())
def test_a_recording_comes_from_a_list_through_the_lanes_into_the_bucket_and_the_report(
    archive: DeployedFunctions, simulators: dict[str, Simulator], name: str
) -> None:
    ((id_, recording),) = simulators[name].recordings.items()
    assert archive.fire("lister", name, "list")["new"] == 1
    for _ in range(TURNS):
        if not archive.drain() and (due := archive.ledger(name).due.next_at()):
            archive.clock.moment = max(archive.clock.moment, due)
            archive.fire("lister", name, "dispatch")
        entry = archive.ledger(name).find(id_)
        if entry and entry.state == "archived":
            break
    assert entry is not None
    assert entry.stored is not None, entry.reason
    bucket = archive.sandbox(archive.function("reconciler", name)).runtime.store.bucket
    with bucket.read(entry.stored.key, version_id=entry.stored.version_id) as pieces:
        assert hashlib.sha256(b"".join(pieces)).hexdigest() == recording.sha256 == entry.stored.sha256
    assert archive.fire("reconciler", name)["complete"] is True


@pytest.mark.parametrize("name", [name for name in names() if load(name).declaration.webhook])
def test_an_event_comes_by_its_route_and_a_forged_one_does_not_get_in(
    archive: DeployedFunctions, simulators: dict[str, Simulator], name: str
) -> None:
    given = fixture.read(name)
    for packed, sample in product((False, True), given.webhooks[:2]):
        secrets = {"webhook_secret": list(sample.secrets)} if sample.secrets else {}
        archive.set_secret(f"recordings/{name}", {**given.credentials, **secrets})
        assert archive.deliver(name, sample, packed=packed) == 200
        archive.set_secret(f"recordings/{name}", {**simulators[name].secret, "webhook_secret": "another"})
        assert archive.deliver(name, sample, packed=packed) == 401
