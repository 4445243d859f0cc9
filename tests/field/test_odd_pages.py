"""Pages of a list that say something odd of themselves: every recording is found all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from simulators.faults import Answer
from tests.field.bench import SPAN, START, Bench
from tests.field.origin import World
from tests.field.sibling import sibling
from tests.property.grounds import Ground, ground

ROWS = 130
Change = Callable[[dict[str, Any]], object]


def counted(total: object) -> Change:
    return lambda page: page["pagination"].update(total=total)


ODD: Mapping[str, Change] = {
    "the count is that of the page": lambda page: page["pagination"].update(total=len(page["items"])),
    "the count is none": counted(None),
    "the count is 0": counted(0),
    "the count is 1": counted(1),
    "the count is negative": counted(-1),
    "the count is a text": counted("130"),
    "the count is true": counted(True),
    "the count is huge": counted(10**30),
    "the count is a fraction": counted(130.5),
    "the number of pages is 1": lambda page: page["pagination"].update(pages=1, current=1),
    "nothing is said of pages": lambda page: page.pop("pagination"),
    "what is said of pages is null": lambda page: page.update(pagination=None),
    "what is said of pages is a list": lambda page: page.update(pagination=[]),
    "every row comes twice": lambda page: page.update(items=page["items"] * 2),
    "the last row stands first": lambda page: page["items"].reverse(),
    "rows are null, numbers, texts": lambda page: page["items"].extend([None, 5, "row", [], {}, {"id": None}]),
    "a row has no date": lambda page: page["items"].append({"id": "a" * 32}),
}


class Pages(World):
    """Each page of the list is changed on its way out."""

    def __init__(self, change: Change) -> None:
        super().__init__(sibling("the first").case, start=START, span=SPAN)
        self._change = change
        for number in range(ROWS):
            self.simulator.add(recorded_at=START + timedelta(seconds=10 * number))

    def _listed(self, answer: Answer) -> bytes:
        page = json.loads(b"".join(answer.chunks()))
        self._change(page)
        return super()._listed(Answer(status=answer.status, body=json.dumps(page).encode()))


@pytest.fixture(scope="module")
def shared() -> Iterator[Ground]:
    with ground("folder") as made:
        yield made


@pytest.mark.parametrize("name", ODD)
def test_what_a_page_says_of_itself_hides_no_recording(shared: Ground, name: str) -> None:
    with Pages(ODD[name]) as world:
        bench = Bench(shared, world)
        bench.list()
        missing = [id_ for id_ in world.simulator.recordings if bench.ledger.find(id_) is None]
        assert (missing, bench.pace.gate().strikes) == ([], 0)
