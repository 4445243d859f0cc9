"""The webhook's function of any sender."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.aws import Aws
from tests.doubles.clock import FakeClock
from tests.harness.webhooks import SENDERS, Hook, Hooked


@pytest.fixture
def hook(aws: Aws, clock: FakeClock) -> Hook:
    def make(name: str, **more: Any) -> Hooked:
        return Hooked(aws, clock, SENDERS[name], **more)

    return make
