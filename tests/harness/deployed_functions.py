"""A template's functions on an emulated AWS: its environment, fired by its own schedules, queues and routes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.clock import Clock
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.runtime import Runtime
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.environment import Settings
from ops.local.functions import Sandbox
from ops.local.moto.embedded_aws import REGION, EmbeddedAws
from ops.local.moto.template import Function, Template
from tests.contract.fixture import Sample
from tests.doubles.clock import FakeClock
from tests.infra.template import deployed

_PSEUDO = {"AWS::Region": REGION, "AWS::Partition": "aws", "AWS::AccountId": "123456789012"}
_DOMAIN = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"


class DeployedFunctions:
    """All stacks of a deployment. `clock` is that of every function; what they log is thrown away."""

    def __init__(self, deployment: Deployment, secrets: Mapping[str, object]) -> None:
        self.clock = FakeClock(Clock().now())
        self.aws = EmbeddedAws()
        self._session = self.aws.session()  # one for all: what it has read of the services it reads only once
        self.template = Template(deployed(deployment).document)
        self.template.physical |= _PSEUDO
        self._make_topics()
        self.aws.make(self.template, {name: json.dumps(value) for name, value in secrets.items()})
        self._sqs = self._session.client("sqs")
        self._secrets = self._session.client("secretsmanager")
        self._functions = self.template.functions()
        self._sandboxes: dict[str, Sandbox] = {}

    def _make_topics(self) -> None:
        sns = self._session.client("sns")
        for logical_id, _ in self.template.of_type("AWS::SNS::Topic"):
            self.template.physical[logical_id] = sns.create_topic(Name=logical_id)["TopicArn"]

    def set_secret(self, name: str, value: object) -> None:
        self._secrets.put_secret_value(SecretId=name, SecretString=json.dumps(value))

    def function(self, name: str, source: str) -> Function:
        named = (each for each in self._functions.values() if each.name == name)
        return next(each for each in named if json.loads(each.environment["SOURCE"])["name"] == source)

    def sandbox(self, function: Function, clock: Clock | None = None) -> Sandbox:
        """The function, warm; with a `clock` of its own a fresh one."""
        if clock is None and function.logical_id in self._sandboxes:
            return self._sandboxes[function.logical_id]
        settings = Settings.from_env(function.environment)
        engine = AwsEngine(settings, self._session, log=io.StringIO())
        made = Sandbox(function.name, Runtime(settings, engine, clock or self.clock))
        return made if clock else self._sandboxes.setdefault(function.logical_id, made)

    def ledger(self, source: str) -> Ledger:
        return self.sandbox(self.function("lister", source)).runtime.ledger

    # what fires a function

    def fire(self, name: str, source: str, action: str | None = None) -> Mapping[str, Any]:
        """By the schedule that has this action in its input; what it answers."""
        function = self.function(name, source)
        for schedule in self.template.schedules():
            if schedule.function == function.logical_id and json.loads(schedule.input).get("action") == action:
                answer: Mapping[str, Any] = self.sandbox(function).invoke(json.loads(schedule.input))
                return answer
        raise LookupError(f"no schedule fires the {name} of {source} with {action}")

    def drain(self) -> int:
        """Every message of every queue that feeds a function, as its mapping hands it on; how many there were."""
        worked = 0
        for mapped in self.template.event_source_mappings():
            for message in self._messages(self.template.physical[mapped.queue]):
                record = _record(message, self.template.physical[f"{mapped.queue}.Arn"])
                self.sandbox(self._functions[mapped.function]).invoke({"Records": [record]})
                worked += 1
        return worked

    def _messages(self, queue: str) -> Iterator[Mapping[str, Any]]:
        while found := self._sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"]
        ).get("Messages"):
            yield found[0]
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])

    def deliver(self, source: str, sample: Sample, *, packed: bool) -> int:
        """A webhook request by the API's route, at the time when it was signed; the status of the answer."""
        rest = "/{secret}" if sample.path_secret else ""
        key = f"ANY /webhooks/{source}{rest}"
        (route,) = [each for each in self.template.routes() if each.key == key]
        function = self.sandbox(self._functions[route.function], FakeClock(sample.received_at))
        answer = function.invoke(request(source, sample, route_key=key, packed=packed))
        return int(answer["statusCode"])


def request(source: str, sample: Sample, *, route_key: str, packed: bool) -> dict[str, Any]:
    """A request in API Gateway's payload format 2.0: lower-case names, the query as it came, a body in Base64."""
    secret = {"secret": sample.path_secret} if sample.path_secret else {}
    path = f"/webhooks/{source}" + "".join(f"/{quote(each, safe='')}" for each in secret.values())
    query = urlsplit(sample.url).query or urlencode(sample.query)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "content-length": str(len(sample.body)),
            "content-type": "application/json",
            "host": _DOMAIN,
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **{name.lower(): value for name, value in sample.headers.items()},
        },
        "requestContext": {
            "apiId": "a1b2c3d4e5",
            "domainName": _DOMAIN,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "routeKey": route_key,
            "stage": "$default",
        },
        "body": base64.b64encode(sample.body).decode() if packed else sample.body.decode(),
        "isBase64Encoded": packed,
    }
    given = {"queryStringParameters": dict(sample.query), "pathParameters": secret}
    return event | {name: value for name, value in given.items() if value}


def _record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """A message as an event source mapping of SQS hands it to a function."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }
