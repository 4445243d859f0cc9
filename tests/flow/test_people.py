"""People's policies: every AWS call of the verbs is allowed, nothing is allowed that no verb needs, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ops.archive.deployed import DeployedArchive
from tests.doubles.aws import BUCKET, TABLE, Aws, aws, s3
from tests.doubles.event_bridge import event_bridge
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, session
from tests.harness.deployments import a_deployment
from tests.harness.deployments import a_source as in_template
from tests.harness.ledger import queued, recording
from tests.harness.people import ACCOUNT, LISTENER, OPERATOR, Person, listened_to, policies_of
from tests.harness.policies import Need
from tests.harness.reading import archived
from tests.infra.template import Template, deployed, flat

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
    ("events", "replay", "--from", "2026-11-27"),
    ("plan", "acme", "--calls-per-day", "100", "--mean-seconds", "60"),
)
LISTENERS: tuple[tuple[str, ...], ...] = (
    ("find", "07700900123"),
    ("get", "heard", "--out", "heard.wav"),
    ("get", "heard", "--url"),
    ("get", "heard", "--restore"),
    ("show", "heard"),
)


@pytest.fixture(scope="module")
def template() -> Template:
    return deployed(a_deployment(in_template("acme"), object_lock="governance", events=True))


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


def test_every_call_of_the_verbs_is_allowed_and_every_right_is_needed(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = listened_to(person, monkeypatch, enforced=False)
    with event_bridge(monkeypatch):
        for words in OPERATORS if person.name == OPERATOR else LISTENERS:
            assert run(*words) not in (2, 70), words
    assert person.denied(but=lambda need: person.name == LISTENER and _looks_at_accesses(need)) == set()
    own = {(caller, reason) for caller, reason in NOT_HERE if caller == person.name}
    unused = person.policies.granted() - person.policies.used
    assert sorted(unused - own) == []
    assert sorted(own - unused) == [], "needed by now: it wants no reason any more"


def _looks_at_accesses(need: Need) -> bool:
    """`show` asks who has listened, and says where one's policy does not let one know."""
    listed = need.action == "s3:ListBucket" and need.context.get("s3:prefix") == ("accesses/",)
    return listed or (need.action == "s3:GetObject" and "/accesses/" in need.resource)


def test_a_listener_is_told_that_he_may_not_know_who_else_has_listened(
    archive: Aws, template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = listened_to(Person(template, LISTENER), monkeypatch, enforced=True)
    assert run("show", "heard") == 0
    assert "accesses   not readable under this policy\n" in capsys.readouterr().out


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
    assert not person.may("s3:PutObject", key.format(f"AIDASOMEBODYELSE/{own}"), once)
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


@pytest.mark.parametrize(("returns", "allowed"), [("ALL_NEW", False), ("ALL_OLD", False), ("UPDATED_NEW", True)])
def test_an_operators_write_shows_no_more_of_an_item_than_it_has_set(
    archive: Aws, template: Template, returns: str, allowed: bool
) -> None:
    context = {
        "dynamodb:LeadingKeys": ("acme#recording#1",),
        "dynamodb:Attributes": ("pk", "state"),
        "dynamodb:ReturnValues": (returns,),
    }
    assert Person(template, OPERATOR).may("dynamodb:UpdateItem", ITEMS, context) is allowed


def test_an_operator_sees_queues_and_schedules_however_long_the_archives_name_is() -> None:
    for name in ("a-rather-long-name-of-an-archive-in-production", "calls--of-acme", "x" * 100):
        allowed = policies_of(deployed(a_deployment(in_template("acme"), name=name)))
        seen = [
            flat(arn).split(":")[-1]
            for each in allowed[OPERATOR]["Statement"]
            if each["Action"] in ("sqs:GetQueueAttributes", "scheduler:GetSchedule")
            for arn in [each["Resource"]]
        ]
        queue, schedule = seen
        assert fnmatch(by_cloudformation(f"{name}-acme", "SourceLanesDeadLettersC487953D", most=75), queue)
        made = by_cloudformation(f"{name}-acme", "SourceListingSchedulesDispatchE268604F", most=64)
        assert fnmatch(f"schedule/default/{made}", schedule)


def by_cloudformation(stack: str, logical_id: str, *, most: int) -> str:
    """A name as CloudFormation makes it: both parts get the same share of its length, without doubled hyphens."""
    stack, room = re.sub("-+", "-", stack), most - len("-1GRP3N0TVA1LD") - 1
    ends = max(room - len(logical_id), room // 2)
    return f"{stack[:ends]}-{logical_id[: room - min(ends, len(stack))]}-1GRP3N0TVA1LD"


def test_a_policy_fits_into_what_aws_takes_with_the_longest_name_and_everything_in_use() -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
    source = in_template("s" * 20)
    longest = deployed(a_deployment(source, name="a" * 100, kms_key=key, object_lock="governance", events=True))
    for document in policies_of(longest).values():
        text = json.dumps(document, separators=(",", ":"))
        assert len(text) <= MAX_CHARACTERS  # references are longer than most of what they stand for


def test_an_archive_that_wants_no_policies_has_none() -> None:
    assert policies_of(deployed(a_deployment(in_template("acme"), access_policies=False))) == {}
