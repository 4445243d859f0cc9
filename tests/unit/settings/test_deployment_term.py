"""What has expired is not listed again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Archive, Deployment
from tests.harness.deployed import a_source

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("term", "own", "spans", "key"),
    [
        (5, None, {"overlap": 30 * DAY}, "sources.acme.overlap"),
        (5, None, {"reconcile": 60 * DAY}, "sources.acme.reconcile"),
        (7, None, {"reconcile": 7 * DAY}, "sources.acme.reconcile"),
        (2555, 6, {"reconcile": 7 * DAY}, "sources.acme.reconcile"),
        (None, 6, {"reconcile": 7 * DAY}, "sources.acme.reconcile"),
    ],
)
def test_a_term_that_ends_within_what_is_listed_again_is_refused(
    term: int | None, own: int | None, spans: dict[str, timedelta], key: str
) -> None:
    source = a_source("acme", expire_after_days=own, **spans)
    with pytest.raises(Misconfigured, match=f"^{key}: must be shorter than the"):
        Deployment(archive=Archive(name="x", expire_after_days=term), sources=(source,))


@pytest.mark.parametrize(("term", "own"), [(None, None), (8, None), (None, 8), (5, 8)])
def test_a_longer_term_or_none_is_taken(term: int | None, own: int | None) -> None:
    source = a_source("acme", expire_after_days=own, reconcile=7 * DAY)
    assert Deployment(archive=Archive(name="x", expire_after_days=term), sources=(source,)).sources == (source,)
