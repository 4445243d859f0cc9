"""Every AWS call of the real handlers is one that its function's role allows, and no role allows what nothing needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from functions.archiver.clock import Clock
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.ledger.ledger import Ledger
from ops.local.moto.embedded_aws import EmbeddedAws
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from tests.doubles.embedded import Embedded
from tests.harness.deployments import a_deployment, a_source
from tests.harness.policies import Names, Policies, Recorder
from tests.infra.template import Template, deployed, with_names

SOURCE = "acme"
HOOK = "a-secret-of-the-hook"
STEPS = ("lister", "downloader", "reconciler", "webhook")
ACCOUNT = "arn:aws:{}:eu-central-1:123456789012"
LARGE = 9 * 2**20
OF_ALL_SOURCES = (("holds/",), ("erasures/",))
OF_RESOURCES = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")

LOGS = "written by Lambda itself, in the function's name"
MAPPING = "done by the event source mapping, in the function's name"
CALLS = "a hint may name a call, whose recordings the downloader asks for; babelforce's name none"
NOT_HERE: dict[tuple[str, str], str] = {
    **{(step, f"logs:{action}"): LOGS for step in STEPS for action in ("CreateLogStream", "PutLogEvents")},
    ("downloader", "sqs:ReceiveMessage"): MAPPING,
    ("downloader", "sqs:DeleteMessage"): MAPPING,
    ("downloader", "sqs:ChangeMessageVisibility"): MAPPING,
    ("downloader", "sqs:GetQueueAttributes"): MAPPING,
    **{("downloader", f"dynamodb:{name}"): CALLS for name in ("BatchGetItem", "PutItem", "DeleteItem", "Query")},
    ("downloader", "sqs:SendMessage"): CALLS,
    ("downloader", "s3:AbortMultipartUpload"): "what broke off beyond 8 MiB is aborted; the store's own tests do that",
}
"""What a role allows although no call of these tests needs it, each with its reason."""


class Judged:
    """Embedded functions of one source whose calls are kept, and the template's policies with the names filled in."""

    def __init__(self, simulator: Babelforce, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorder = Recorder(lambda: self._names)
        original = EmbeddedAws.session

        def session(aws: EmbeddedAws, counted_as: str | None = None) -> boto3.Session:
            made = original(aws, counted_as)
            if counted_as in STEPS:
                self.recorder.listen(made, str(counted_as))
            return made

        monkeypatch.setattr(EmbeddedAws, "session", session)
        self.embedded = Embedded(simulator)
        queue = self.embedded.queue_url.rpartition("/")[2]
        self._names = Names(
            bucket=self.embedded.bucket,
            table_arn=f"{ACCOUNT.format('dynamodb')}:table/Table",
            queue_arn=f"{ACCOUNT.format('sqs')}:{queue}",
            secret_arn=f"{ACCOUNT.format('secretsmanager')}:secret",
        )
        self.policies = self.roles_of(SOURCE)

    def roles_of(self, source: str) -> Policies:
        """The template's policies for a source of that name, with the names of this archive filled in."""
        template: Template = deployed(a_deployment(a_source(source, secret=source, webhook=True), name="test"))
        function = template.function("lister", source)
        known = {
            "<ArchiveBucket.Arn>": f"arn:aws:s3:::{self._names.bucket}",
            "<ArchiveTable.Arn>": self._names.table_arn,
            f"<{function.environment['QUEUE_URL']}.Arn>": self._names.queue_arn,
            f"<{function.environment['ALERTS_TOPIC']}>": self.embedded.topics.alerts,
            f"<{function.environment['URGENT_TOPIC']}>": self.embedded.topics.urgent,
            "<AWS::Partition>": "aws",
            "<AWS::Region>": "eu-central-1",
            "<AWS::AccountId>": "123456789012",
        }
        roles = {step: with_names(list(template.function(step, source).statements()), known) for step in STEPS}
        policies = [
            *template.of_type("AWS::S3::BucketPolicy").values(),
            *template.of_type("AWS::SQS::QueuePolicy").values(),
        ]
        documents = [each["Properties"]["PolicyDocument"] for each in policies]
        statements = [statement for document in documents for statement in document["Statement"]]
        return Policies(roles, with_names(statements, known))

    def denied(self) -> set[tuple[str, str, str]]:
        """What functions did and may not do."""
        needed = self.recorder.needs
        return {(each.caller, each.action, each.resource) for each in needed if not self.policies.allows(each)}


def dies_once(method: Callable[..., Any]) -> Callable[..., Any]:
    """The function ends when all is written and nothing marked, so that its next attempt finds what is there."""
    alive = iter([False])

    def dying(*args: Any, **kwargs: Any) -> Any:
        if not next(alive, True):
            raise MemoryError
        return method(*args, **kwargs)

    return dying


def _live(judged: Judged, simulator: Babelforce, monkeypatch: pytest.MonkeyPatch, *, reconciled_first: bool) -> None:
    """A source's whole life: hinted at, found by one function or the other, archived small and large, told of again,
    and in trouble.
    """
    embedded = judged.embedded
    secrets = embedded.aws.session().client("secretsmanager")
    secrets.put_secret_value(SecretId=SOURCE, SecretString=json.dumps({**simulator.secret, "webhook_secret": HOOK}))
    webhook = embedded.function("webhook")
    first = next(iter(simulator.recordings))
    for id_ in ("not-listed-yet", first, first):
        event = {
            "headers": {"content-type": "application/json", "x-webhook-secret": HOOK},
            "body": json.dumps({"recording_id": id_}),
            "requestContext": {"domainName": "api", "http": {"method": "POST"}},
        }
        assert webhook.invoke(event)["statusCode"] == 200
    largest = max(simulator.recordings.values(), key=lambda recording: recording.audio.size)
    simulator.faults.add(Fault("early_end", recording_id=largest.id))
    monkeypatch.setattr(Ledger, "mark_archived", dies_once(Ledger.mark_archived))
    for step in ("reconciler", "lister") if reconciled_first else ("lister", "reconciler"):
        embedded.find() if step == "lister" else embedded.reconciler.invoke({})
        embedded.work_off()
        embedded.dispatch()
        embedded.work_off()
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    for _ in range(2):  # what was sealed is read again
        assert embedded.reconciler.invoke({"action": "seal", **days})["broken"] is None
    integrity = Integrity(embedded.runtime.table, source=SOURCE, clock=Clock())
    assert integrity.mark_altered(first, "other bytes")
    embedded.dispatch()  # which tells
    _start_again_on_the_old_bucket(embedded, simulator)


def _start_again_on_the_old_bucket(embedded: Embedded, simulator: Babelforce) -> None:
    """The table is as new: the lister reads in the bucket what is archived, and nothing of it is asked for again."""
    kept = embedded.versions("metadata/")
    dynamodb, table = embedded.aws.session().client("dynamodb"), embedded.runtime.settings.table
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"pk": item["pk"]})
    embedded.lister = embedded.function("lister")
    before = len(simulator.log)
    embedded.find()
    embedded.work_off()
    again = {entry.recording_id for entry in simulator.log[before:] if entry.kind == "media"}
    assert kept
    assert not [key for key in kept if any(f"/{id_}." in key for id_ in again)]


@pytest.fixture(scope="module")
def lives() -> list[Judged]:
    """Two archives, one filled by the lister and one by the reconciler."""
    found = []
    for reconciled_first in (False, True):
        with pytest.MonkeyPatch.context() as monkeypatch, Babelforce(recordings=4, sizes=(3_000, LARGE)) as simulator:
            judged = Judged(simulator, monkeypatch)
            _live(judged, simulator, monkeypatch, reconciled_first=reconciled_first)
            found.append(judged)
    return found


def test_no_function_does_what_its_role_does_not_allow(lives: list[Judged]) -> None:
    for judged in lives:
        assert {need.caller for need in judged.recorder.needs} == {*STEPS}
        assert judged.denied() == set()


def test_a_role_allows_nothing_that_no_test_needs_and_nobody_has_given_a_reason_for(lives: list[Judged]) -> None:
    unused = set()
    for judged in lives:
        judged.denied()
        unused = judged.policies.granted()
    for judged in lives:
        unused -= judged.policies.used
    assert sorted(unused - NOT_HERE.keys()) == []
    assert sorted(NOT_HERE.keys() - unused) == [], "needed by now: it wants no reason any more"


def test_no_role_reaches_what_is_another_sources(lives: list[Judged]) -> None:
    judged = lives[0]
    other = judged.roles_of("other")
    shared = {"secretsmanager:GetSecretValue", "sqs:SendMessage", "sns:Publish"}  # by its own name, or the archive's
    reached = {
        (need.caller, need.action)
        for need in judged.recorder.needs
        if other.allows(need) and need.action not in shared and need.context.get("s3:prefix") not in OF_ALL_SOURCES
    }
    assert reached == set()
