"""The functions of one babelforce source on the embedded AWS, as the stack would wire them, without a synthesis."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.runtime import Runtime
from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import Settings, Topics
from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from ops.local.clock import MovedClock
from ops.local.functions import Sandbox
from ops.local.moto.embedded_aws import EmbeddedAws
from ops.local.moto.host import MotoQueue
from ops.local.moto.ledger_table import TABLE
from ops.local.moto.template import Template
from ops.local.poller import Poller
from simulators.providers.babelforce import Babelforce

_REDRIVE = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": MAX_RECEIVE_COUNT}
_RESOURCES: Mapping[str, Any] = {
    "Bucket": {
        "Type": "AWS::S3::Bucket",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
    },
    "Table": {"Type": "AWS::DynamoDB::Table", "Properties": TABLE},
    "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
    "Queue": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"FifoQueue": True, "VisibilityTimeout": 960, "RedrivePolicy": _REDRIVE},
    },
}


class Embedded:
    """`lister` and `reconciler` are invoked by the test, the downloader by a poller."""

    def __init__(
        self, simulator: Babelforce, *, requests_per_minute: float = 6000, aws: EmbeddedAws | None = None
    ) -> None:
        self.aws = aws or EmbeddedAws()
        self.clock = MovedClock()
        self.log = io.StringIO()
        self.errors: list[BaseException] = []
        template = Template({"Resources": _RESOURCES})
        self.aws.make(template, {"acme": json.dumps(simulator.secret)})
        self.bucket, self.queue_url = template.physical["Bucket"], template.physical["Queue"]
        self.dead_url = template.physical["Dead"]
        source = Source(
            name="acme",
            provider="babelforce",
            base_url=simulator.base_url,
            secret="acme",
            requests_per_minute=requests_per_minute,
            max_parallel_downloads=1,
            start=simulator.start,
            overlap=timedelta(hours=24),
            allow_private_addresses=True,
        )
        sns = self.aws.session().client("sns")
        alerts, urgent = (sns.create_topic(Name=name)["TopicArn"] for name in ("alerts", "urgent"))
        self.topics = Topics(alerts=alerts, urgent=urgent)
        self._settings = Settings(
            bucket=self.bucket,
            table=template.physical["Table"],
            queue_url=self.queue_url,
            topics=self.topics,
            archive=Archive(name="test"),
            source=source,
        )
        self.lister = self.function("lister")
        self.reconciler = self.function("reconciler")
        self.runtime = self.lister.runtime
        self.s3 = self.aws.session().client("s3")
        self.sqs = self.aws.session().client("sqs")

    def function(self, name: str) -> Sandbox:
        """A function in a fresh process."""
        engine = AwsEngine(self._settings, self.aws.session(counted_as=name), log=self.log)
        return Sandbox(name, Runtime(self._settings, engine, self.clock))

    def find(self) -> Mapping[str, object]:
        answer: Mapping[str, object] = self.lister.invoke({"action": "list"})
        return answer

    def dispatch(self) -> int:
        return int(self.lister.invoke({"action": "dispatch"})["queued"])

    @contextmanager
    def polled(self) -> Iterator[Poller]:
        poller = Poller(
            MotoQueue(self.aws, self.queue_url),
            lanes=1,
            sandbox=lambda: self.function("downloader"),
            on_error=self.errors.append,
        )
        poller.start()
        try:
            yield poller
        finally:
            poller.stop()

    def work_off(self) -> None:
        """Until nothing is in the lanes any more."""
        with self.polled() as poller:
            while not poller.idle():
                time.sleep(0.01)

    def calls(self, service: str, *operations: str) -> int:
        """Calls of all functions; the poller's, which is AWS's own part, and the test's are left out."""
        total: Counter[str] = Counter()
        for function, calls in self.aws.calls.items():
            if function not in ("poller", "setup"):
                total += calls
        return sum(
            count
            for name, count in total.items()
            if name.startswith(f"{service}.") and (not operations or name.partition(".")[2] in operations)
        )

    def body(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def versions(self, prefix: str) -> list[str]:
        answer = self.s3.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in answer.get("Versions", [])]

    def dead(self) -> int:
        name: Any = "ApproximateNumberOfMessages"
        answer = self.sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=[name])
        return int(answer["Attributes"][name])
