"""Trouble of the archive's own side is nobody's attempt, and it is called by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.archiver.entry import State
from functions.archiver.errors import Service
from tests.doubles.aws import Aws
from tests.doubles.aws_calls import Sent, calls_heard_by, refused
from tests.doubles.clock import FakeClock
from tests.harness.archiving import ArchivingBench, whole
from tests.harness.audio import wav


@pytest.fixture
def bench(aws: Aws, clock: FakeClock) -> ArchivingBench:
    return ArchivingBench(aws, clock)


@contextmanager
def unreachable(operation: str) -> Iterator[None]:
    def listener(sent: Sent) -> Any:
        if sent.operation == operation:
            raise EndpointConnectionError(endpoint_url="https://aws.example")

    with calls_heard_by(listener):
        yield


FAULTS = [
    ("s3.PutObject", 403, "AccessDenied", Service.S3),
    ("s3.PutObject", 404, "NoSuchBucket", Service.S3),
    ("s3.PutObject", 503, "SlowDown", Service.S3),
    ("s3.PutObject", 400, "KMS.DisabledException", Service.KMS),
    ("s3.PutObject", 400, "KMS.NotFoundException", Service.KMS),
]


@pytest.mark.parametrize(("operation", "status", "code", "service"), FAULTS)
def test_a_bucket_that_refuses_for_two_days_costs_no_attempt(
    bench: ArchivingBench, clock: FakeClock, operation: str, status: int, code: str, service: Service
) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    begin = clock.moment
    with refused(operation, status, code):
        report = bench.work()
        while clock.moment - begin < timedelta(days=2):
            assert report.outcome == "released"
            assert report.trouble is not None
            assert (report.trouble.service, report.trouble.code) == (service, code)
            report = bench.next_turn()
    assert (bench.entry().state, bench.entry().attempts) == (State.PENDING, 0)
    assert bench.entry().reason == f"{service.value} does not work for us: {code}"
    assert bench.next_turn().outcome == "archived"


def test_two_days_of_refusal_cost_the_provider_few_downloads(bench: ArchivingBench, clock: FakeClock) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    begin = clock.moment
    with refused("s3.PutObject", 403, "AccessDenied"):
        bench.work()
        while clock.moment - begin < timedelta(days=2):
            bench.next_turn()
    assert bench.provider.times("open") <= 12


def test_the_source_is_left_alone_while_the_archive_cannot_keep_what_it_sends(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    with refused("s3.PutObject", 403, "AccessDenied"):
        bench.work()
    gate = bench.pace.gate()
    assert gate.closed_until is not None
    assert not gate.refused
    assert "AccessDenied" in (gate.reason or "")


def test_an_endpoint_that_cannot_be_reached_is_trouble_too(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    with unreachable("s3.PutObject"):
        report = bench.work()
    assert report.outcome == "released"
    assert report.trouble is not None
    assert report.trouble.code == "EndpointConnectionError"
    assert bench.entry().attempts == 0


@pytest.mark.parametrize("operation", ["dynamodb.GetItem", "dynamodb.UpdateItem"])
def test_a_ledger_in_trouble_ends_no_message_as_a_death(bench: ArchivingBench, operation: str) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    message = bench.message()
    with refused(operation, 400, "AccessDeniedException"):
        report = bench.work(message)
    assert report.outcome == "released"
    assert report.trouble is not None
    assert report.trouble.service is Service.DYNAMODB
    assert bench.next_turn().outcome == "archived"
    assert bench.entry().attempts == 0


def test_a_mistake_of_ours_is_no_trouble_of_aws(bench: ArchivingBench) -> None:
    bench.provider.audio["rec"] = [whole(wav())]
    bench.finds()
    message = bench.message()
    with refused("dynamodb.GetItem", 400, "ValidationException"), pytest.raises(Exception, match="ValidationException"):
        bench.work(message)
