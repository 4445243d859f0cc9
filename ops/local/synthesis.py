"""Synthesis in a process of its own: the CDK and its Node are gone, with their memory, before the run begins."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from functions.archiver.settings.deployment import Deployment


def template_of(deployment: Deployment) -> Mapping[str, Any]:
    """The CloudFormation template of `deployment`. Raises Misconfigured."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as processes:
        return processes.submit(_synthesise, deployment).result()


def _synthesise(deployment: Deployment) -> Mapping[str, Any]:
    from infra.synth import template  # its import starts Node, which is to stay out of the caller's process

    return template(deployment)
