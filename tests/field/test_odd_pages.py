"""Pages of a list that say something odd of themselves, or come in an odd way: every recording is found."""

from __future__ import annotations

import gzip
import json
import zlib
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


def check_all_are_known(shared: Ground, world: World) -> None:
    """A listing puts each recording of the provider into the ledger, and the provider is in no trouble."""
    bench = Bench(shared, world)
    bench.list()
    missing = [id_ for id_ in world.simulator.recordings if bench.ledger.find(id_) is None]
    assert (missing, bench.pace.gate().strikes) == ([], 0)


@pytest.mark.parametrize("name", ODD)
def test_what_a_page_says_of_itself_hides_no_recording(shared: Ground, name: str) -> None:
    with Pages(ODD[name]) as world:
        check_all_are_known(shared, world)


Sent = tuple[bytes, Mapping[str, str]]


def _raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


WAYS: Mapping[str, Callable[[bytes], Sent]] = {
    "gzip": lambda body: (gzip.compress(body), {"Content-Encoding": "gzip"}),
    "gzip without a label": lambda body: (gzip.compress(body), {}),
    "gzip in two members": lambda body: (
        gzip.compress(body[:99]) + gzip.compress(body[99:]),
        {"Content-Encoding": "gzip"},
    ),
    "deflate": lambda body: (zlib.compress(body), {"Content-Encoding": "deflate"}),
    "deflate without its header": lambda body: (_raw_deflate(body), {"Content-Encoding": "deflate"}),
    "plain, labelled gzip": lambda body: (body, {"Content-Encoding": "gzip"}),
    "plain, labelled br": lambda body: (body, {"Content-Encoding": "br"}),
    "plain, labelled with a charset": lambda body: (body, {"Content-Encoding": "utf-8"}),
    "labelled as a page": lambda body: (body, {"Content-Type": "text/html; charset=nope"}),
    "without a type": lambda body: (body, {"Content-Type": ""}),
    "with a mark in front": lambda body: (b"\xef\xbb\xbf" + body, {}),
    "in UTF-16": lambda body: (body.decode().encode("utf-16"), {}),
    "behind blanks": lambda body: (b" \r\n" * 999 + body + b"\n" * 99, {}),
}


class Ways(World):
    """The list goes out in one odd way."""

    def __init__(self, way: Callable[[bytes], Sent]) -> None:
        super().__init__(sibling("the first").case, start=START, span=SPAN)
        self._way = way

    def _listed(self, answer: Answer) -> bytes:
        body, headers = self._way(b"".join(answer.chunks()))
        lines = {"Content-Type": answer.content_type, "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize("way", WAYS)
def test_a_list_is_read_however_it_is_sent(shared: Ground, way: str) -> None:
    with Ways(WAYS[way]) as world:
        check_all_are_known(shared, world)
