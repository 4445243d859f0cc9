"""People's policies: every AWS call of the verbs is allowed, nothing is allowed that no verb needs, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from ops.__main__ import main
from ops.archive import opening
from ops.archive.deployed import DeployedArchive
from ops.shell.verb import Shared
from tests.doubles.aws import BUCKET, REGION, TABLE, Aws, aws, s3
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, session
from tests.harness.deployments import a_deployment
from tests.harness.deployments import a_source as in_template
from tests.harness.ledger import queued, recording
from tests.harness.policies import Context, Names, Need, Policies, Recorder
from tests.harness.reading import archived
from tests.infra.template import Template, deployed, with_names

ACCOUNT = "arn:aws:{}:eu-central-1:123456789012"
OPERATOR, LISTENER = "operator", "listener"
SECURE: Context = {"aws:SecureTransport": ("true",), "aws:PrincipalArn": ("arn:aws:iam::123456789012:role/x",)}
MANAGED = "AWS::IAM::ManagedPolicy"
MAX_CHARACTERS = 6144
"""What AWS takes as a managed policy, white space left out."""

SCHEDULES = "doctor looks at schedules, of which the archive of these tests has none"
SHOWN = "S3 leaves the headers of lock and hold out for whoever lacks it, and answers all the same"
NOT_HERE: dict[tuple[str, str], str] = {
    (OPERATOR, "scheduler:GetSchedule"): SCHEDULES,
    (LISTENER, "s3:GetObjectRetention"): SHOWN,
    (LISTENER, "s3:GetObjectLegalHold"): SHOWN,
}
"""What a policy allows although no verb of these tests needs it, each with its reason."""

OPERATORS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("status", "acme"),
    ("find", "07700900123"),
    ("find", "--day", "2026-11-27"),
    ("retry", "broken"),
    ("accept", "worse", "--reason", "known"),
    ("pause", "acme", "--reason", "maintenance"),
    ("resume", "acme"),
    ("report", "acme"),
    ("accesses",),
    ("holds",),
    ("hold", "--case", "A", "--reason", "order", "heard"),
    ("doctor",),
    ("seal", "acme", "--from", "2026-11-01", "--to", "2026-11-02"),
    ("seal", "verify", "--source", "acme"),
    ("plan", "acme", "--calls-per-day", "100", "--mean-seconds", "60"),
)
LISTENERS: tuple[tuple[str, ...], ...] = (
    ("find", "07700900123"),
    ("get", "heard", "--out", "heard.wav"),
    ("get", "heard", "--url"),
    ("get", "heard", "--restore"),
    ("show", "heard"),
)


def policies_of(template: Template) -> dict[str, dict[str, Any]]:
    """The documents of the managed policies by their role in lower case."""
    found = template.of_type(MANAGED).items()
    return {
        name: each["Properties"]["PolicyDocument"]
        for id_, each in found
        for name in (OPERATOR, LISTENER)
        if name in id_.lower()
    }


@pytest.fixture(scope="module")
def template() -> Template:
    return deployed(a_deployment(in_template("acme"), object_lock="governance"))


class Person:
    """Somebody with one of the policies and no other right, at work on a deployed archive."""

    def __init__(self, template: Template, name: str) -> None:
        self.name = name
        self.names = Names(
            bucket=BUCKET,
            table_arn=f"{ACCOUNT.format('dynamodb')}:table/{TABLE}",
            queue_arn=f"{ACCOUNT.format('sqs')}:{ARCHIVE}-acme-dead-letters",
            secret_arn=f"{ACCOUNT.format('secretsmanager')}:secret",
            archive=ARCHIVE,
        )
        known = {
            "<ArchiveBucket.Arn>": f"arn:aws:s3:::{BUCKET}",
            "<ArchiveTable.Arn>": self.names.table_arn,
            "<AWS::Partition>": "aws",
            "<AWS::Region>": REGION,
            "<AWS::AccountId>": "123456789012",
            **{f"<{topic}>": f"{ACCOUNT.format('sns')}:alerts" for topic in template.of_type("AWS::SNS::Topic")},
            "${aws:userid}": client("sts").get_caller_identity()["UserId"],
        }
        own = with_names(policies_of(template)[name]["Statement"], known)
        bucket = template.only("AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
        self.policies = Policies({name: own}, with_names(bucket, known))
        self.recorder = Recorder(lambda: self.names)

    def denied(self) -> set[tuple[str, str, str]]:
        denied = (need for need in self.recorder.needs if not self.policies.allows(need))
        return {(need.action, need.resource, str(need.context.get("dynamodb:Attributes"))) for need in denied}

    def may(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Over TLS, and with what else the request says."""
        given = {**SECURE, **(context or {})}
        return self.policies.allows(Need(caller=self.name, action=action, resource=resource, context=given))


@pytest.fixture(params=[OPERATOR, LISTENER])
def person(request: pytest.FixtureRequest, template: Template, archive: Aws) -> Person:
    return Person(template, request.param)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An archive on AWS with one recording of each fate."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with aws() as made:
        s3().put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        deploy(made, a_source("acme"), with_functions=True)
        whole = DeployedArchive(ARCHIVE, session())
        archived(whole, "heard")
        for id_ in ("broken", "worse"):
            whole.ledger("acme").mark_failed(queued(whole.ledger("acme"), recording(id_)), "no audio")
        for folder, name in (
            ("reports", "date=2026-11-27/reconciliation.json"),
            ("seals", "date=2026-11-27/0001.jsonl"),
        ):
            s3().put_object(Bucket=BUCKET, Key=f"{folder}/source=acme/{name}", Body=b"{}")
        yield made


def listened_to(person: Person, monkeypatch: pytest.MonkeyPatch, *, enforced: bool) -> Callable[..., int]:
    """Runs a verb as that person; with `enforced` what the policy does not allow is refused, as AWS would."""
    original = opening.deployed

    def refuse(**_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        if person.policies.allows(person.recorder.needs[-1]):
            return None
        error = {"Code": "AccessDeniedException", "Message": f"not authorized: {person.recorder.needs[-1].action}"}
        return AWSResponse("", 403, HTTPHeaders(), None), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}

    def opened(shared: Shared, name: str) -> DeployedArchive:
        made = original(shared, name)
        person.recorder.listen(made.session, person.name)
        if enforced:
            made.session.events.register_last("before-call", cast("Any", refuse))
        return made

    monkeypatch.setattr(opening, "deployed", opened)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return lambda *words: main(["-a", ARCHIVE, "--region", REGION, *words])


def test_every_call_of_the_verbs_is_allowed_and_every_right_is_needed(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = listened_to(person, monkeypatch, enforced=False)
    for words in OPERATORS if person.name == OPERATOR else LISTENERS:
        assert run(*words) not in (2, 70), words
    assert person.denied() == set()
    own = {(caller, reason) for caller, reason in NOT_HERE if caller == person.name}
    unused = person.policies.granted() - person.policies.used
    assert sorted(unused - own) == []
    assert sorted(own - unused) == [], "needed by now: it wants no reason any more"


@pytest.mark.parametrize(
    ("name", "words", "missing"),
    [
        (OPERATOR, ("get", "heard", "--out", "heard.wav"), "s3:GetObjectVersion"),
        (LISTENER, ("retry", "broken"), "dynamodb:UpdateItem"),
        (LISTENER, ("accept", "broken", "--reason", "known"), "dynamodb:UpdateItem"),
        (LISTENER, ("pause", "acme"), "dynamodb:UpdateItem"),
        (LISTENER, ("hold", "--case", "A", "--reason", "order", "heard"), "s3:GetBucketObjectLockConfiguration"),
    ],
)
def test_a_verb_beyond_ones_policy_changes_nothing_and_ends_with_5(
    archive: Aws, template: Template, monkeypatch: pytest.MonkeyPatch, name: str, words: tuple[str, ...], missing: str
) -> None:
    person = Person(template, name)
    items = {item["pk"]: item for item in archive.table.scan()}
    assert listened_to(person, monkeypatch, enforced=True)(*words) == 5
    assert missing in {action for action, *_ in person.denied()}
    assert {item["pk"]: item for item in archive.table.scan()} == items
    assert not Path("heard.wav").exists()


AUDIO = f"arn:aws:s3:::{BUCKET}/audio/source=acme/date=2026-11-27/heard.wav"
SIDECAR = f"arn:aws:s3:::{BUCKET}/metadata/source=acme/date=2026-11-27/heard.json"
ITEMS = f"{ACCOUNT.format('dynamodb')}:table/{TABLE}"


@pytest.mark.parametrize("folder", ["audio", "metadata", "transcripts", "quarantine"])
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectVersion"])
def test_an_operator_hears_and_reads_no_call_and_a_listener_does(
    archive: Aws, template: Template, folder: str, action: str
) -> None:
    key = f"arn:aws:s3:::{BUCKET}/{folder}/source=acme/date=2026-11-27/heard"
    assert not Person(template, OPERATOR).may(action, key)
    assert Person(template, LISTENER).may(action, key)


def test_nobody_writes_or_deletes_what_is_archived(person: Person) -> None:
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"):
        assert not person.may(action, AUDIO)
        assert not person.may(action, SIDECAR)
    for action in ("dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"):
        assert not person.may(action, ITEMS)


def test_an_access_is_recorded_under_ones_own_name_alone_and_once(person: Person) -> None:
    own = client("sts").get_caller_identity()["UserId"]
    created = {"s3:ObjectCreationOperation": ("true",)}
    once = {**created, "s3:if-none-match": ("*",)}
    key = f"arn:aws:s3:::{BUCKET}/accesses/date=2026-11-27/{{}}/1.json"
    assert person.may("s3:PutObject", key.format(own), once)
    assert not person.may("s3:PutObject", key.format("AIDASOMEBODYELSE"), once)
    assert not person.may("s3:PutObject", key.format(own), created)


def test_an_operator_places_holds_and_releases_none_and_a_listener_neither(archive: Aws, template: Template) -> None:
    def may(name: str, status: str) -> bool:
        return Person(template, name).may("s3:PutObjectLegalHold", AUDIO, {"s3:object-lock-legal-hold": (status,)})

    assert [may(OPERATOR, "ON"), may(OPERATOR, "OFF"), may(LISTENER, "ON")] == [True, False, False]


@pytest.mark.parametrize(
    ("key", "attributes", "allowed"),
    [
        ("acme#recording#1", ("pk", "state", "due_at", "story"), True),
        ("acme#pace", ("pk", "paused", "paused_until"), True),
        ("acme#recording#1", ("pk", "from_number"), False),
        ("acme#recording#1", ("pk", "state", "sha256"), False),
        ("acme#pace", ("pk", "tat"), False),
        ("acme#lister", ("pk", "state"), False),
        ("acme#health", ("pk", "reason"), False),
    ],
)
def test_an_operator_steers_and_alters_no_fact(
    archive: Aws, template: Template, key: str, attributes: tuple[str, ...], allowed: bool
) -> None:
    context = {"dynamodb:LeadingKeys": (key,), "dynamodb:Attributes": attributes}
    assert Person(template, OPERATOR).may("dynamodb:UpdateItem", ITEMS, context) is allowed


def test_a_policy_fits_into_what_aws_takes_with_the_longest_name_and_everything_in_use() -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
    source = in_template("s" * 20)
    longest = deployed(a_deployment(source, name="a" * 100, kms_key=key, object_lock="governance"))
    for document in policies_of(longest).values():
        text = json.dumps(document, separators=(",", ":"))
        assert len(text) <= MAX_CHARACTERS  # references are longer than most of what they stand for


def test_an_archive_that_wants_no_policies_has_none() -> None:
    assert policies_of(deployed(a_deployment(in_template("acme"), access_policies=False))) == {}
