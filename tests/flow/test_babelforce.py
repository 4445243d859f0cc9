"""babelforce from its list to the bucket through the real handlers, and what a recording costs on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from functions.archiver.entry import State
from ops.local.functions import Sandbox
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.doubles.embedded import Embedded

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@pytest.fixture
def simulator() -> Iterator[Babelforce]:
    with Babelforce(recordings=6, sizes=(3_000, 30_000)) as running:
        yield running


def check_archive(embedded: Embedded, simulator: Babelforce) -> None:
    entries = {entry.recording.id: entry for entry in embedded.runtime.ledger.everything()}
    assert entries.keys() == simulator.recordings.keys()
    for id_, recording in simulator.recordings.items():
        stored = entries[id_].stored
        assert entries[id_].state is State.ARCHIVED
        assert stored is not None
        assert hashlib.sha256(embedded.body(stored.key)).hexdigest() == recording.sha256 == stored.sha256
    assert len(embedded.versions("audio/")) == len(embedded.versions("metadata/")) == len(entries)


def test_everything_listed_is_archived_and_reconciled(
    simulator: Babelforce, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded = Embedded(simulator)
    assert embedded.find()["new"] == 6
    embedded.work_off()
    check_archive(embedded, simulator)
    assert embedded.find()["new"] == 0
    answer = embedded.reconciler.invoke({})
    assert answer["complete"] is True
    report = json.loads(embedded.body(answer["report"]))
    assert sum(day["archived"] for day in report["days"]) == 6
    assert simulator.peak_parallel_media() == 1
    told = embedded.log.getvalue() + capsys.readouterr().out
    assert told.count('"message":"archived"') == 6
    assert not [secret for secret in simulator.confidential if secret in told]
    assert (embedded.errors, embedded.dead()) == ([], 0)


def test_a_listing_leaves_to_another_run_what_that_run_is_doing(simulator: Babelforce) -> None:
    embedded = Embedded(simulator)
    assert embedded.runtime.cursors("lister").acquire()
    assert embedded.find() == {"listed": 0}
    assert not simulator.served("list")


def test_trouble_of_the_source_is_waited_out(simulator: Babelforce) -> None:
    simulator.faults.add(Fault("status", value=429, retry_after=1))
    embedded = Embedded(simulator)
    embedded.find()
    embedded.work_off()
    gate = embedded.runtime.pace.gate()
    waits = [entry for entry in embedded.runtime.ledger.everything() if entry.state is State.PENDING]
    assert waits
    assert all(entry.attempts == 0 for entry in waits)
    if gate.closed_until is not None:
        embedded.clock.sleep(max((gate.closed_until - embedded.clock.now()).total_seconds(), 0.0) + 0.01)
    assert embedded.dispatch() == len(waits)
    embedded.work_off()
    check_archive(embedded, simulator)


def test_a_message_that_cannot_be_read_is_buried_and_its_lane_goes_on(simulator: Babelforce) -> None:
    embedded = Embedded(simulator)
    embedded.sqs.send_message(
        QueueUrl=embedded.queue_url, MessageBody="{}", MessageGroupId="lane-0", MessageDeduplicationId="strange"
    )
    embedded.find()
    embedded.work_off()
    assert (len(embedded.errors), embedded.dead()) == (3, 1)
    check_archive(embedded, simulator)


def test_what_a_handler_raises_is_left_to_redelivery(simulator: Babelforce, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = Embedded(simulator)
    embedded.find()
    invoke, raised = Sandbox.invoke, iter([True])

    def breaks_once(self: Sandbox, event: dict[str, object]) -> object:
        if next(raised, False):
            embedded.aws.calls["downloader"]["broken"] += 1
            raise MemoryError
        return invoke(self, event)

    monkeypatch.setattr(Sandbox, "invoke", breaks_once)
    embedded.work_off()
    check_archive(embedded, simulator)
    assert [type(error) for error in embedded.errors] == [MemoryError]
    assert sorted(entry.attempts for entry in embedded.runtime.ledger.everything()) == [0, 0, 0, 0, 0, 1]


def test_what_a_recording_costs() -> None:
    """In steady state: the lister's calls are shared by all that it finds, a recording's own are not."""
    count = 100
    with Babelforce(recordings=count, sizes=(500, 3_000)) as simulator:
        embedded = Embedded(simulator)
        embedded.find()
        embedded.work_off()
        check_archive(embedded, simulator)
        requests = len(simulator.served("media"))
    puts = embedded.calls("s3", "PutObject") / count
    writes = embedded.calls("dynamodb", *WRITES) / count
    messages = embedded.calls("sqs") / count
    figures = f"{puts} S3 PUTs, {writes} DynamoDB writes, {messages} SQS calls, {requests / count} audio requests"
    print(figures)  # noqa: T201 - for the log
    assert puts <= 2
    assert writes <= 3.2
    assert messages <= 0.5
    assert requests == count
    asked_by_the_downloader = {name for name in embedded.aws.calls["downloader"] if name.startswith("s3.")}
    assert asked_by_the_downloader == {"s3.PutObject"}, "a recording asks nothing else of S3"
