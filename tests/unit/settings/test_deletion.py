"""Deletion at the source is refused where it cannot work, or where somebody else could do it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings import deletion
from tests.harness.deployments import a_deployment, a_source

GIVEN: dict[str, Any] = {"delete_after_days": 30, "delete_secret": "recordings/delete"}


@pytest.mark.parametrize(
    ("changes", "archive", "why"),
    [
        ({"delete_after_days": 7}, {}, "after: must be at least 8 days: a day is sealed once it has left the 7 days"),
        ({"reconcile": timedelta(days=30)}, {}, "after: must be at least 31 days"),
        ({"expire_after_days": 30}, {}, "after: must be shorter than the 30 days"),
        ({}, {"expire_after_days": 30}, "after: must be shorter than the 30 days"),
        ({"provider": "kazoo", "expire_after_days": 170}, {}, "itself keeps them for 180 days"),
        ({"delete_secret": "recordings/acme-uk"}, {}, "delete_secret: must not be the secret that all functions read"),
    ],
)
def test_a_deletion_that_cannot_work_is_refused_in_one_sentence(
    changes: dict[str, Any], archive: dict[str, Any], why: str
) -> None:
    with pytest.raises(Misconfigured, match=why) as refused:
        a_deployment(a_source(**(GIVEN | changes)), **archive)
    assert str(refused.value).startswith("sources.acme-uk.delete_")


def test_a_provider_that_cannot_delete_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    without = SimpleNamespace(declaration=SimpleNamespace(deletes=None, title="Silent"))
    monkeypatch.setattr(deletion, "load", lambda name: without)
    with pytest.raises(Misconfigured, match="Silent has no way to delete a recording"):
        a_deployment(a_source(**GIVEN))


def test_the_secret_that_deletes_is_no_other_sources_either() -> None:
    other = a_source("other", secret="recordings/delete")
    with pytest.raises(Misconfigured, match=r"must not be the secret of sources\.other"):
        a_deployment(a_source(**GIVEN), other)


@pytest.mark.parametrize("days", [8, 30, 36_500])
def test_a_deletion_behind_the_seal_is_accepted(days: int) -> None:
    a_deployment(a_source(**(GIVEN | {"delete_after_days": days})))
