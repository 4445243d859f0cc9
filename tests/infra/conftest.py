"""One synthesis for all tests that read the usual template."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import TIERS, Template, deployed


@pytest.fixture(scope="session")
def archive() -> Template:
    """Two sources, everything expires, one tier."""
    return deployed(a_deployment(expire_after_days=2555, tiers=TIERS))


@pytest.fixture(scope="session")
def listening() -> Template:
    """Two sources, the first one with a webhook whose silence is watched."""
    with_webhook = a_source("acme-uk", webhook=True, webhook_quiet_after=timedelta(hours=6))
    return deployed(a_deployment(with_webhook, a_source("acme-de")))
