"""A small evaluator of IAM policies, and a record of the AWS calls that it judges.

It knows what this project's policies use, and fails on the rest. The roles come from the synthesised template, the
calls from real handlers on an embedded AWS; what a call needs is read from its request.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from infra.shared import TAG

Statement = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One permission that one call of `caller` needs. A key that the request does not have is not in the context."""

    caller: str
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Where the resources of the calls are."""

    bucket: str
    table_arn: str
    queue_arn: str
    secret_arn: str
    archive: str = "test"

    def of(self, service: str) -> str:
        """The beginning of the ARNs of a service, in the account and region of the table."""
        return self.table_arn.rpartition(":")[0].replace(":dynamodb:", f":{service}:")


def needs(names: Names, caller: str, service: str, operation: str, request: Mapping[str, Any]) -> list[Need]:
    """What a call needs, by AWS's service authorization reference. `request` are its parameters in the wire's form."""
    found = _NEEDS[service](names, operation, request)
    secure = {"aws:SecureTransport": ("true",), "aws:PrincipalArn": (f"arn:aws:iam::123456789012:role/{caller}",)}
    return [
        Need(caller=caller, action=f"{service}:{action}", resource=resource, context={**secure, **context})
        for action, resource, context in found
    ]


_Found = tuple[str, str, Context]


def _dynamodb(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    table = names.table_arn
    if operation == "Query":
        index = f"{table}/index/{request['IndexName']}" if "IndexName" in request else table
        return [(operation, index, {"dynamodb:LeadingKeys": tuple(_asked_for(request))})]
    if operation == "Scan":
        return [(operation, table, {})]
    if operation == "BatchGetItem":
        (asked,) = request["RequestItems"].values()
        keys = tuple(key["pk"]["S"] for key in asked["Keys"])
    else:
        keys = ((request.get("Key") or request["Item"])["pk"]["S"],)
    named = tuple(request.get("ExpressionAttributeNames", {}).values())
    returns = {"dynamodb:ReturnValues": (str(request["ReturnValues"]),)} if "ReturnValues" in request else {}
    return [(operation, table, {"dynamodb:LeadingKeys": keys, "dynamodb:Attributes": ("pk", *named), **returns})]


def _asked_for(request: Mapping[str, Any]) -> Iterator[str]:
    """The value of the partition key, which comes first in a key condition."""
    placeholder = request["KeyConditionExpression"].split("=")[1].replace(")", " ").split()[0]
    yield request["ExpressionAttributeValues"][placeholder]["S"]


_S3_ACTIONS = {
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
}


def _s3(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    action = _S3_ACTIONS.get(operation, operation)
    bucket = f"arn:aws:s3:::{names.bucket}"
    if "Key" not in request:
        return [(action, bucket, {"s3:prefix": (request.get("Prefix", ""),)})]
    if request.get("VersionId") and action in ("GetObject", "DeleteObject"):
        action = f"{action}Version"
    creates = operation in ("PutObject", "CompleteMultipartUpload", "CopyObject")
    context: dict[str, tuple[str, ...]] = {"s3:ObjectCreationOperation": (str(creates).lower(),)}
    if "IfNoneMatch" in request:
        context["s3:if-none-match"] = (request["IfNoneMatch"],)
    if "LegalHold" in request:
        context["s3:object-lock-legal-hold"] = (request["LegalHold"]["Status"],)
    return [(action, f"{bucket}/{request['Key']}", context)]


def _sqs(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    return [(operation.removesuffix("Batch"), names.queue_arn, {})]


def _secretsmanager(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    return [(operation, f"{names.secret_arn}:{request['SecretId']}-AbC123", {})]


def _ssm(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    paths = request["Names"] if "Names" in request else [request["Path"]]
    return [(operation, f"{names.of('ssm')}:parameter{path}", {}) for path in paths]


def _cloudwatch(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    return [(operation, "*", {})]


def _lambda(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    action = {"Invoke": "InvokeFunction"}.get(operation, operation)
    if "FunctionName" not in request:
        return [(action, "*", {})]
    tagged = {f"aws:ResourceTag/{TAG}": (names.archive,)}
    return [(action, f"{names.of('lambda')}:function:{request['FunctionName']}", tagged)]


def _scheduler(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    return [(operation, f"{names.of('scheduler')}:schedule/default/{request['Name']}", {})]


def _sts(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    if operation == "GetCallerIdentity":
        return []  # everybody may ask who he is
    return [(operation, request["RoleArn"], {})]


def _kms(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    said = {f"kms:{name}": (str(request[name]),) for name in ("MessageType", "SigningAlgorithm") if name in request}
    return [(operation, request["KeyId"], said)]


def _sns(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    return [(operation, str(request["TopicArn"]), {})]


def _events(names: Names, operation: str, request: Mapping[str, Any]) -> list[_Found]:
    sources = tuple(sorted({str(entry["Source"]) for entry in request["Entries"]}))
    return [(operation, f"{names.of('events')}:event-bus/default", {"events:source": sources})]


_NEEDS: Mapping[str, Callable[[Names, str, Mapping[str, Any]], list[_Found]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "sqs": _sqs,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "ssm": _ssm,
    "sts": _sts,
    "kms": _kms,
    "cloudwatch": _cloudwatch,
    "lambda": _lambda,
    "scheduler": _scheduler,
    "events": _events,
}


class Policies:
    """Roles by caller and the policies of resources; `used` holds each caller's actions that allowed something."""

    def __init__(self, roles: Mapping[str, Iterable[Statement]], of_resources: Iterable[Statement]) -> None:
        self._roles = {caller: list(statements) for caller, statements in roles.items()}
        self._of_resources = list(of_resources)
        self.used: set[tuple[str, str]] = set()

    def allows(self, need: Need) -> bool:
        """Whether the role allows it and nothing denies it."""
        own = [each for each in self._roles[need.caller] if _matches(each, need)]
        denies = [each for each in (*own, *self._of_resources) if each["Effect"] == "Deny" and _matches(each, need)]
        allowed = any(each["Effect"] == "Allow" for each in own)
        if allowed and not denies:
            self.used.add((need.caller, need.action))
        return allowed and not denies

    def granted(self) -> set[tuple[str, str]]:
        """Every action of every role."""
        return {
            (caller, action)
            for caller, statements in self._roles.items()
            for statement in statements
            for action in _listed(statement["Action"])
        }


def _matches(statement: Statement, need: Need) -> bool:
    if {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
        raise NotImplementedError(f"the evaluator does not know this statement: {statement}")
    actions = any(fnmatch.fnmatchcase(need.action.lower(), each.lower()) for each in _listed(statement["Action"]))
    resources = any(_like(need.resource, each) for each in _listed(statement["Resource"]))
    conditions = statement.get("Condition", {}).items()
    return actions and resources and all(_holds(operator, keys, need.context) for operator, keys in conditions)


def _holds(operator: str, keys: Mapping[str, Any], context: Context) -> bool:
    return all(_OPERATORS[operator](context.get(key), _listed(wanted)) for key, wanted in keys.items())


def _all_like(found: tuple[str, ...] | None, wanted: list[str]) -> bool:
    return all(
        any(_like(value, each) for each in wanted) for value in found or ()
    )  # true for a request without the key


def _one_of(found: tuple[str, ...] | None, wanted: list[str]) -> bool:
    return found is not None and any(value in wanted for value in found)


def _one_like(found: tuple[str, ...] | None, wanted: list[str]) -> bool:
    return found is not None and any(_like(value, each) for value in found for each in wanted)


_OPERATORS: Mapping[str, Callable[[tuple[str, ...] | None, list[str]], bool]] = {
    "ForAllValues:StringLike": _all_like,
    "ForAllValues:StringEquals": lambda found, wanted: all(value in wanted for value in found or ()),
    "StringEquals": _one_of,
    "StringEqualsIfExists": lambda found, wanted: found is None or _one_of(found, wanted),
    "StringLike": _one_like,
    "Bool": _one_of,
    "NumericLessThan": lambda found, wanted: found is not None and float(found[0]) < float(wanted[0]),
    "Null": lambda found, wanted: (found is None) == (wanted == ["true"]),
    "ArnNotEquals": lambda found, wanted: not _one_like(found, wanted),
}
"""A negated operator holds for a request without the key, as AWS says."""


def _like(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))  # IAM knows * and ? alone


def _listed(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value])]


_IN_POLICIES = {"eventbridge": "events"}
"""A service's name in policies where it is not the one in events of botocore."""

_BY_PARAMETERS = ("s3", "lambda", "cloudwatch", "scheduler")


class Recorder:
    """Keeps what the calls of sessions need."""

    def __init__(self, names: Callable[[], Names]) -> None:
        self._names = names
        self.needs: list[Need] = []

    def listen(self, session: boto3.Session, caller: str) -> None:
        """Keeps the calls of this session as those of `caller`."""

        def parameters(event_name: str, params: Mapping[str, Any], **_: object) -> None:
            self._keep(caller, event_name, params)

        def wire(event_name: str, params: Mapping[str, Any], **_: object) -> None:
            if event_name.split(".")[1] not in _BY_PARAMETERS:
                body = params["body"]  # of a protocol that sends JSON, or a form
                self._keep(caller, event_name, body if isinstance(body, Mapping) else json.loads(body))

        # Some requests are clearest before they become a URL, the others once everything in them is a text.
        for service in _BY_PARAMETERS:
            session.events.register(f"before-parameter-build.{service}", parameters)
        session.events.register("before-call", wire)

    def _keep(self, caller: str, event_name: str, request: Mapping[str, Any]) -> None:
        _, service, operation = event_name.split(".")
        name = _IN_POLICIES.get(service, service.replace("-", ""))
        self.needs += needs(self._names(), caller, name, operation, request)
