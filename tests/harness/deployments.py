"""Deployments as tests build them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from functions.archiver.settings.deployment import Archive, Deployment, Source


def a_source(name: str = "acme-uk", **changes: Any) -> Source:
    """A source that needs nothing from anywhere."""
    facts: dict[str, Any] = {
        "name": name,
        "provider": "babelforce",
        "base_url": "https://acme.babelforce.com",
        "secret": f"recordings/{name}",
        "requests_per_minute": 30,
        "max_parallel_downloads": 1,
        "overlap": timedelta(hours=24),
    }
    return Source(**facts | changes)


def a_deployment(*sources: Source, **archive: Any) -> Deployment:
    """An archive with the given settings; without sources, one with two."""
    facts: dict[str, Any] = {"name": "recordings", "alerts": ("ops@example.com",)}
    return Deployment(archive=Archive(**facts | archive), sources=sources or (a_source("acme-uk"), a_source("acme-de")))
