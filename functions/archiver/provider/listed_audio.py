"""Audio that is not found although its provider tells of it at the same time, which says nothing of a deletion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from functions.archiver.errors import NotFound, Rejected


@contextmanager
def still_listed() -> Iterator[None]:
    """Within it the audio is asked for of which the API has just told: two 404 would call the recording gone."""
    try:
        yield
    except NotFound as missing:
        raise contradicted(missing) from None


def contradicted(missing: NotFound) -> Rejected:
    """The outcome of a 404 against which the API's own word stands."""
    return Rejected(f"{missing.reason}, while the provider lists it")
