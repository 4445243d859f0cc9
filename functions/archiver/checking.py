"""A source's function tries its own secret and its provider, under its own role: the check that `doctor` asks for.

What a person's credentials may do proves nothing about the functions'. A check makes at most three requests, on the
source's pace like all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Literal

from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble, Closed, Misconfigured, Outcome
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.ledger.table import Table
from functions.archiver.provider.provider import Provider
from functions.archiver.recording import Window
from functions.archiver.settings.deployment import Source
from functions.archiver.source_client import client_of
from functions.archiver.throttling.pace import Pace

Status = Literal["ok", "warning", "failed", "unknown"]

MAX_REQUESTS = 3
_LISTED = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at; `detail` is a sentence for a person, and free of secrets."""

    id: str
    status: Status
    detail: str

    def document(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


class CheckSlots:
    """At most three slots of the source's pace. With `anyway` a source that is closed is asked all the same.

    Nobody else asks while it is closed, so the rate holds.
    """

    def __init__(self, pace: Pace, *, anyway: bool, clock: Clock) -> None:
        self._pace = pace
        self._anyway = anyway
        self._clock = clock
        self._left = MAX_REQUESTS

    def book(self, kind: str) -> None:
        """Raises Closed where the source is closed, and after the third request."""
        if not self._left:
            raise Closed(f"a check makes {MAX_REQUESTS} requests at most", until=self._clock.now())
        self._left -= 1
        try:
            self._pace.book(kind)
        except Closed:
            if not self._anyway:
                raise

    def hold(self, seconds: float) -> None:
        """Tells the others too."""
        self._pace.hold(seconds)


def check_source(
    source: Source,
    *,
    secret: Callable[[], dict[str, object]],
    pace: Pace,
    clock: Clock,
    anyway: bool,
    seconds_left: Callable[[], float],
) -> Iterator[Check]:
    """The secret, one page of the provider's list, and its webhook. What builds on a failed check is left out."""
    try:
        value = secret()
    except Misconfigured as mistake:
        yield Check(id="secret.readable", status="failed", detail=str(mistake))
        return
    yield Check(id="secret.readable", status="ok", detail=f"the function reads {source.secret}")
    slots = CheckSlots(pace, anyway=anyway, clock=clock)
    try:
        provider = client_of(source, value, slots, seconds_left=seconds_left)
    except Misconfigured as mistake:
        yield Check(id="secret.fields", status="failed", detail=str(mistake))
        return
    yield Check(id="secret.fields", status="ok", detail="the secret has what the provider needs")
    lists = _lists(provider, clock)
    yield lists
    if source.webhook and provider.declaration.registers_webhooks and lists.status == "ok":
        yield _webhook(provider, source.name)


def _lists(provider: Provider, clock: Clock) -> Check:
    now = clock.now()
    try:
        page = provider.page(Window(start=now - _LISTED, end=now), None)
    except Closed as closed:
        again = f"not asked: {closed.reason}; --anyway asks all the same"
        return Check(id="provider.lists", status="unknown", detail=again)
    except Outcome as outcome:
        return Check(id="provider.lists", status="failed", detail=outcome.reason)
    if page.problem:
        return Check(id="provider.lists", status="warning", detail=page.problem)
    found = f"the provider lists {len(page.recordings) + len(page.calls)} of the last hour"
    return Check(id="provider.lists", status="ok", detail=found)


def _webhook(provider: Provider, source: str) -> Check:
    id_ = "webhook.enabled"
    try:
        found = [hook for hook in provider.webhooks() if f"/webhooks/{source}" in hook.url]
    except Outcome as outcome:
        return Check(id=id_, status="unknown", detail=f"the provider does not tell: {outcome.reason}")
    working = [hook for hook in found if hook.problem is None]
    if working:
        return Check(id=id_, status="ok", detail="the provider sends its events")
    problem = found[0].problem if found else f"no webhook of the provider leads to /webhooks/{source}"
    return Check(id=id_, status="failed", detail=str(problem))


_NOBODYS = "#bounds"
"""The key of no item: every source's begin with its name."""


def refuses_foreign_items(table: Table) -> bool:
    """Whether the function's role keeps it to the items of its source. Raises ArchiveTrouble for other trouble."""
    try:
        table.get(_NOBODYS)
    except ArchiveTrouble as trouble:
        if trouble.code != "AccessDeniedException":
            raise
        return True
    return False
