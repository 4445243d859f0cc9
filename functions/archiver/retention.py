"""How long it still takes until a provider deletes what is not archived yet."""

from __future__ import annotations

from datetime import timedelta


def until_deletion(
    retention: timedelta, waited: timedelta, *, waiting: int = 0, retention_count: int | None = None
) -> timedelta:
    """By age: what is left of `retention` for a recording that has `waited` so long.

    By number too, where the provider keeps only its newest `retention_count` recordings: `waiting` ones are that share
    of them, and the same share of the time is taken for used up. The shorter counts.
    """
    by_age = retention - waited
    if retention_count is None:
        return by_age
    return min(by_age, retention * (1 - waiting / retention_count))
