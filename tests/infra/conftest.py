"""One synthesis for all tests that read the usual template."""

from __future__ import annotations

import pytest

from infra.synth import template
from tests.infra.template import TIERS, Template, a_deployment


@pytest.fixture(scope="session")
def archive() -> Template:
    """Two sources, everything expires, one tier."""
    return Template(document=template(a_deployment(expire_after_days=2555, tiers=TIERS)))
