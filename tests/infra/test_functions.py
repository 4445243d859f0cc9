"""What holds for every function: its handler, its settings, what fires it and what its queue promises."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.environment import Settings, for_functions
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from infra.synth import template
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import TIERS, Template, deployed, flat, refers_to

SOURCES = ("acme-uk", "acme-de")
STEPS = ("lister", "downloader", "reconciler")


def test_each_source_has_every_function_to_itself(archive: Template) -> None:
    found = {(function.source, function.step) for function in archive.functions()}
    assert {(source, step) for source in SOURCES for step in STEPS} <= found
    roles = {refers_to(function.properties["Role"]) for function in archive.functions()}
    assert len(roles) == len(archive.functions())


def test_every_handler_can_be_imported_and_called(archive: Template) -> None:
    for function in archive.functions():
        module, _, name = function.properties["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name)), function.properties["Handler"]


def test_every_environment_reads_back_as_the_settings_of_its_source(archive: Template) -> None:
    deployment = a_deployment(expire_after_days=2555, tiers=TIERS)
    sources = {source.name: source for source in deployment.sources}
    for function in archive.functions():
        settings = Settings.from_env(function.environment)
        assert settings.source == sources[function.source]
        assert settings.archive == for_functions(deployment.archive)
        assert (settings.bucket, settings.table) == ("ArchiveBucket", "ArchiveTable")


def test_a_function_sends_only_into_its_own_sources_queue(archive: Template) -> None:
    queues = {function.environment["QUEUE_URL"]: function.source for function in archive.functions()}
    assert sorted(queues.values()) == sorted(SOURCES)
    assert queues.keys() == archive.queues(dead_letters=False).keys()


def test_no_function_is_in_a_vpc_reserves_concurrency_or_has_a_fixed_name(archive: Template) -> None:
    for function in archive.functions():
        unwanted = {"VpcConfig", "ReservedConcurrentExecutions", "FunctionName", "Layers"}
        assert not unwanted & function.properties.keys()
        assert function.properties["Architectures"] == ["arm64"]


def test_every_log_is_kept_for_a_while_and_not_for_ever(archive: Template) -> None:
    for function in archive.functions():
        group = archive.resources[refers_to(function.properties["LoggingConfig"]["LogGroup"])]
        assert group["Properties"]["RetentionInDays"] == 90


def test_the_lister_lists_on_the_sources_schedule_and_ticks_every_minute() -> None:
    source = a_source(schedule="cron(7 * * * ? *)")
    archive = deployed(a_deployment(source))
    fired = {
        json.loads(text)["action"]: when for text, when in archive.schedules_of(archive.function("lister")).items()
    }
    assert fired == {"list": "cron(7 * * * ? *)", "dispatch": "rate(1 minute)"}


def test_the_reconciler_is_fired_every_hour_to_do_its_work_once_a_day(archive: Template) -> None:
    for source in SOURCES:
        assert archive.schedules_of(archive.function("reconciler", source)) == {"{}": "rate(1 hour)"}


def test_a_failed_run_is_not_repeated_for_the_next_tick_does_its_work(archive: Template) -> None:
    configured = archive.of_type("AWS::Lambda::EventInvokeConfig").values()
    attempts = {refers_to(c["Properties"]["FunctionName"]): c["Properties"]["MaximumRetryAttempts"] for c in configured}
    for function in archive.functions():
        if archive.schedules_of(function):
            assert attempts[function.logical_id] == 0
    for schedule in archive.of_type("AWS::Scheduler::Schedule").values():
        assert schedule["Properties"]["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0


def test_the_role_of_all_schedules_can_only_invoke_functions_of_this_archive(archive: Template) -> None:
    schedules = archive.of_type("AWS::Scheduler::Schedule").values()
    assert schedules
    for schedule in schedules:
        target = schedule["Properties"]["Target"]
        role = archive.resources[refers_to(target["RoleArn"])]["Properties"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "lambda:InvokeFunction"
        assert flat(statement["Resource"]).endswith(":function:*")
        assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/recording-archive": "recordings"}}
    for function in archive.functions():
        assert {"Key": "recording-archive", "Value": "recordings"} in function.properties["Tags"]


def test_firings_that_no_function_could_take_do_not_pile_up(archive: Template) -> None:
    # Lambda keeps what it throttles for six hours by default: hundreds of ticks would come at once for each source.
    kept = {
        refers_to(each["Properties"]["FunctionName"]): each["Properties"]["MaximumEventAgeInSeconds"]
        for each in archive.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    for source in SOURCES:
        assert kept[archive.function("lister", source).logical_id] == 5 * 60
        assert kept[archive.function("reconciler", source).logical_id] == 3600


def test_a_message_stays_hidden_until_its_download_is_over(archive: Template) -> None:
    mappings = archive.of_type("AWS::Lambda::EventSourceMapping").values()
    assert len(mappings) == len(SOURCES)
    for mapping in mappings:
        function = archive.resources[refers_to(mapping["Properties"]["FunctionName"])]["Properties"]
        queue = archive.resources[refers_to(mapping["Properties"]["EventSourceArn"])]["Properties"]
        assert function["Handler"] == "functions.downloader.handler"
        assert queue["VisibilityTimeout"] == function["Timeout"] + 60


def test_a_downloader_gets_one_message_at_a_time(archive: Template) -> None:
    for mapping in archive.of_type("AWS::Lambda::EventSourceMapping").values():
        assert mapping["Properties"]["BatchSize"] == 1
        assert "FunctionResponseTypes" not in mapping["Properties"]


def test_lanes_are_first_in_first_out_and_their_dead_letters_too(archive: Template) -> None:
    queues = archive.queues(dead_letters=False)
    assert len(queues) == len(archive.queues(dead_letters=True)) == len(SOURCES)
    for queue in queues.values():
        properties = queue["Properties"]
        assert properties["FifoQueue"] is True
        assert not properties.get("ContentBasedDeduplication")
        assert properties["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVE_COUNT
        dead_letters = refers_to(properties["RedrivePolicy"]["deadLetterTargetArn"])
        assert archive.queues(dead_letters=True)[dead_letters]["Properties"]["FifoQueue"] is True


def test_queues_are_encrypted_and_reached_only_through_tls(archive: Template) -> None:
    queues = archive.of_type("AWS::SQS::Queue")
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for queue in queues.values())
    denied = set()
    for policy in archive.of_type("AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                denied |= {refers_to(queue) for queue in policy["Properties"]["Queues"]}
    assert denied == queues.keys()


def test_options_that_no_function_can_hold_are_refused_in_a_sentence() -> None:
    source = replace(a_source(), options={"users": ["u" * 32] * 120})
    with pytest.raises(Misconfigured, match=r"^the settings of sources\.acme-uk take \d+ bytes"):
        template(a_deployment(source))
