"""Somebody with one policy of the template and no other right, at work on a deployed archive inside of moto."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from ops.__main__ import main
from ops.archive import opening
from ops.archive.deployed import DeployedArchive
from ops.shell.verb import Shared
from tests.doubles.aws import BUCKET, REGION, TABLE
from tests.harness.deployed import ARCHIVE, client
from tests.harness.policies import Context, Names, Need, Policies, Recorder
from tests.infra.template import Template, with_names

ACCOUNT = "arn:aws:{}:eu-central-1:123456789012"
OPERATOR, LISTENER, CUSTODIAN, ERASER = "operator", "listener", "custodian", "recordings-Eraser"
SECURE: Context = {"aws:SecureTransport": ("true",), "aws:PrincipalArn": ("arn:aws:iam::123456789012:role/x",)}
ACCOUNT_OF_ROLES = "arn:aws:iam::123456789012:role"
MANAGED = "AWS::IAM::ManagedPolicy"


def policies_of(template: Template) -> dict[str, dict[str, Any]]:
    """The documents of the managed policies by their role in lower case."""
    found = template.of_type(MANAGED).items()
    return {
        name: each["Properties"]["PolicyDocument"]
        for id_, each in found
        for name in (OPERATOR, LISTENER, CUSTODIAN)
        if name in id_.lower()
    }


def _erasers(template: Template) -> dict[str, Any]:
    return {id_: each for id_, each in template.of_type("AWS::IAM::Role").items() if "Eraser" in id_}


class Person:
    """Somebody with one of the policies and no other right, at work on a deployed archive.

    `named` are further names of the template, and what is there in their place.
    """

    def __init__(self, template: Template, name: str, *, named: Mapping[str, str] | None = None) -> None:
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
            **{f"<{id_}.Arn>": f"{ACCOUNT_OF_ROLES}/{ERASER}" for id_ in _erasers(template)},
            **(named or {}),
            "${aws:userid}": client("sts").get_caller_identity()["UserId"],
        }

        own = with_names(policies_of(template)[name]["Statement"], known)
        bucket = template.only("AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
        roles = {name: own}
        if name == CUSTODIAN:  # who may act as that role too
            (eraser,) = _erasers(template).values()
            (policy,) = eraser["Properties"]["Policies"]
            roles[ERASER] = with_names(policy["PolicyDocument"]["Statement"], known)
        self.policies = Policies(roles, with_names(bucket, known))
        self.recorder = Recorder(lambda: self.names)

    def denied(self, but: Callable[[Need], bool] = lambda need: False) -> set[tuple[str, str, str]]:
        """What was done and is not allowed, `but` for what a verb does without where it may not."""
        denied = (need for need in self.recorder.needs if not but(need) and not self.policies.allows(need))
        return {(need.action, need.resource, str(need.context.get("dynamodb:Attributes"))) for need in denied}

    def may(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Over TLS, and with what else the request says."""
        given = {**SECURE, **(context or {})}
        return self.policies.allows(Need(caller=self.name, action=action, resource=resource, context=given))


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
        listen(made.session, person.name)
        return made

    def listen(session: boto3.Session, caller: str) -> None:
        person.recorder.listen(session, caller)
        if enforced:
            session.events.register_last("before-call", cast("Any", refuse))

    assume = DeployedArchive.assumed

    def assumed(archive: DeployedArchive, role: str) -> boto3.Session:
        session = assume(archive, role)
        listen(session, role.rpartition("/")[2])
        return session

    monkeypatch.setattr(DeployedArchive, "assumed", assumed)
    monkeypatch.setattr(opening, "deployed", opened)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return lambda *words: main(["-a", ARCHIVE, "--region", REGION, *words])
