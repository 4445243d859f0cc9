"""What was right for a case from practice is right for its siblings, beside each other in one list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pytest

from tests.field import siblings_in_lists, siblings_of_bodies, siblings_on_the_way
from tests.field.bench import SPAN, START, Bench
from tests.field.origin import World
from tests.field.sibling import Kind, Sibling, answer, sibling
from tests.property.grounds import Ground, ground

KINDS: Mapping[str, Kind] = {
    kind.__name__.replace("_", " "): kind
    for kinds in (siblings_in_lists.KINDS, siblings_of_bodies.KINDS, siblings_on_the_way.KINDS)
    for kind in kinds
}
ROWS = 60
"""Of one list, which is one page of it."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Ground]:
    with ground("folder") as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_every_sibling_comes_to_its_end_and_disturbs_no_other(shared: Ground, kind: str) -> None:
    siblings = KINDS[kind]()
    wrong: list[str] = []
    while some := list(islice(siblings, ROWS)):
        wrong += _wrong(shared, some)
    assert wrong == []


def _wrong(shared: Ground, siblings: Sequence[Sibling]) -> Iterator[str]:
    with World(*(each.case for each in siblings), start=START, span=SPAN) as world:
        bench = Bench(shared, world)
        bench.list()
        bench.work_off()
    for companion in world.companions:
        if bench.state(companion.id) != "archived":
            yield f"an ordinary recording is {bench.state(companion.id)}: {bench.reason(companion.id)}"
    for each, target in zip(siblings, world.targets, strict=True):
        state, asked = bench.state(target.id), world.asked[target.id]
        if state != each.state:
            yield f"{each.name} is {state}, not {each.state}: {bench.reason(target.id)}"
        elif each.state in ("archived", "quarantined") and bench.kept(target.id) != each.wanted:
            yield f"{each.name} is kept with other bytes"
        elif each.state in ("failed", "gone") and bench.kept(target.id) is not None:
            yield f"{each.name} is kept"
        elif asked < each.fetches and not each.case.media_path:
            yield f"{each.name} was fetched {asked} times"


def test_trouble_of_another_host_closes_no_source_and_costs_no_attempt(shared: Ground) -> None:
    page = b"<html><body>Sorry</body></html>"
    kinds = [(status, wait) for status in (408, 429, 500, 502, 503) for wait in ("", "7")]
    siblings = [
        sibling(
            f"{status} {wait}",
            *[answer(page, "length", ("Retry-After", wait), status=status)] * 14,
            answer(),
            row={"url": f"{{other}}/f/{number}.wav"},
            media_path=f"f/{number}.wav",
        )
        for number, (status, wait) in enumerate(kinds)
    ]
    with World(*(each.case for each in siblings), start=START, span=SPAN) as world:
        bench = Bench(shared, world)
        bench.list()
        bench.work_off()
        entries = [bench.ledger.find(target.id) for target in world.targets]
    assert [(entry.state, entry.attempts) for entry in entries if entry] == [("archived", 0)] * len(kinds)
    assert bench.pace.gate().strikes == 0
