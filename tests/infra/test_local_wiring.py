"""A local run fires and serves what the stack fires and serves, and gives its functions the same settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.environment import Settings, environment_of
from ops.local.moto.template import Template as LocalTemplate
from ops.local.wiring import FUNCTIONS, routes_of, schedules_of
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import TIERS, Template, deployed

PLAIN = a_deployment(a_source())
EVERY_KEY = a_deployment(
    a_source(
        webhook=True,
        overlap=timedelta(hours=48),
        reconcile=timedelta(days=3),
        schedule="cron(0 6 * * ? *)",
        max_parallel_downloads=3,
        requests_per_minute=12.5,
        webhook_quiet_after=timedelta(days=2),
        allow_private_addresses=True,
        delete_after_days=30,
        delete_secret="recordings/acme-uk-delete",
    ),
    expire_after_days=2555,
    object_lock="governance",
    tiers=TIERS,
    storage="GLACIER_IR",
)


@pytest.fixture(params=[PLAIN, EVERY_KEY], ids=["plain", "every key"], scope="module")
def deployment(request: pytest.FixtureRequest) -> Deployment:
    given: Deployment = request.param
    return given


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Template:
    return deployed(deployment)


def test_the_schedules_are_the_stack_s(deployment: Deployment, stack: Template) -> None:
    local = LocalTemplate({"Resources": stack.resources})
    steps = {function.logical_id: function.step for function in stack.functions()}
    fired = {(steps[each.function], each.expression, each.input) for each in local.schedules()}
    assert {(each.function, each.expression, each.input) for each in schedules_of(deployment.sources[0])} == fired


def test_the_functions_are_the_stack_s(deployment: Deployment, stack: Template) -> None:
    (source,) = deployment.sources
    absent = {"webhook": not source.webhook, "sweeper": source.delete_after_days is None}
    assert {function.step for function in stack.functions()} == {name for name in FUNCTIONS if not absent.get(name)}


def test_the_routes_are_the_stack_s(deployment: Deployment, stack: Template) -> None:
    local = LocalTemplate({"Resources": stack.resources})
    assert {route.key for route in routes_of(deployment.sources[0])} == {route.key for route in local.routes()}


def test_the_settings_are_those_of_the_stack_s_functions(deployment: Deployment, stack: Template) -> None:
    source = deployment.sources[0]
    local = Settings.from_env(environment_of(deployment.archive, source, bucket="b", table="t", queue_url="q"))
    for function in stack.functions():
        theirs = Settings.from_env(function.environment)
        theirs = replace(theirs, bucket="b", table="t", queue_url="q", topics=None)
        assert (theirs.source, theirs.archive) == (local.source, replace(local.archive, kms_key=theirs.archive.kms_key))
