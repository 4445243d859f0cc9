from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import pytest

from functions.providers import names
from tests.contract.case import Case
from tests.contract.fixture import FOLDER, NAMES, Fixture, read
from tests.contract.replay import Replay


def _asked(fixture: Fixture) -> list[str]:
    return [name for name in NAMES if name in fixture.exchanges and fixture.exchanges[name].pattern]


def _asked_at_home(fixture: Fixture) -> list[str]:
    return [name for name in _asked(fixture) if fixture.exchanges[name].at != "other"]


def _with_a_token(fixture: Fixture) -> list[str]:
    return [name for name in _asked_at_home(fixture) if name != "token"] if "token" in fixture.exchanges else []


CHOICES: dict[str, Callable[[Fixture], Sequence[object]]] = {
    "request_": _asked,
    "own_request": _asked_at_home,
    "renewable": _with_a_token,
    "document": lambda fixture: [name for name in _asked(fixture) if name in ("list", "last", "lookup")],
    "token": lambda fixture: [name for name in _asked(fixture) if name == "token"],
    "sample": lambda fixture: fixture.webhooks,
    "handshake": lambda fixture: fixture.handshakes,
}
"""For arguments of a test: what of a provider's fixture it runs for."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that takes a case runs for every provider there is."""
    if "name" not in metafunc.fixturenames:
        return
    found = [name for name in names() if (FOLDER / f"{name}.json").exists()]
    for argument, choose in CHOICES.items():
        if argument in metafunc.fixturenames:
            chosen = [(name, each) for name in found for each in choose(read(name))]
            metafunc.parametrize(("name", argument), chosen, ids=[f"{name}-{_id(each)}" for name, each in chosen])
            return
    metafunc.parametrize("name", found)


def _id(each: object) -> str:
    return each if isinstance(each, str) else str(getattr(each, "by", ""))


@pytest.fixture
def case(name: str, caplog: pytest.LogCaptureFixture) -> Iterator[Case]:
    """At the end: no secret was logged or sent elsewhere, and each paced request took exactly one slot."""
    caplog.set_level(logging.DEBUG)
    # It quotes whatever goes to AWS, a pending recording's link as well, and nothing in the service lets it.
    caplog.set_level(logging.WARNING, logger="botocore")
    with Replay(read(name)) as replay:
        case = Case(name, replay)
        yield case
        # What a fixture sees of the log by itself is the log of the fixture.
        logged = [logging.Formatter().format(record) for record in caplog.get_records("call")]
        case.assert_tells_no_secret("\n".join(logged), "the log")
        case.assert_other_hosts_saw_no_secret()
        assert case.guarded or len(case.slots.booked) == replay.paced
