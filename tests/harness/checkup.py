"""A deployed archive with everything that a doctor looks at, and a function that runs in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions import lister
from functions.archiver.aws.engine import AwsEngine
from functions.archiver.clock import Clock
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.runtime import Runtime, running
from functions.archiver.settings.deployment import Archive
from functions.archiver.settings.parameters import LAYOUT, archive_parameter_name, source_parameter_name
from functions.archiver.vitals import VitalsReader
from infra.bucket_policy import statements
from ops.__main__ import main
from ops.archive.deployed import DeployedArchive
from ops.shell.version import version
from simulators.providers.kazoo import Kazoo
from tests.doubles.aws import BUCKET, REGION, TABLE, Aws, s3
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, put_parameter, session
from tests.harness.ledger import STORED, queued, recording
from tests.harness.schemas import checked

SECRET = "recordings/pbx"


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass(kw_only=True)
class Checkup:
    """The archive `recordings` with the source pbx at a simulated Kazoo. Each method plants one fault."""

    aws: Aws
    kazoo: Kazoo
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def build(self) -> None:
        self.key = client("kms").create_key()["KeyMetadata"]
        source = a_source(
            "pbx",
            provider="kazoo",
            base_url=self.kazoo.base_url,
            allow_private_addresses=True,
            webhook=True,
            options={"account_id": self.kazoo.account_id},
        )
        archive = Archive(name=ARCHIVE, kms_key=self.key["Arn"])
        deploy(self.aws, source, with_functions=True, archive=archive)
        self.put_secret(self.kazoo.secret)
        self.kazoo.webhooks["1"] = {"id": "1", "uri": "https://x.example.com/webhooks/pbx", "enabled": True}
        self._parameters()
        document = {"Version": "2012-10-17", "Statement": statements(f"arn:aws:s3:::{BUCKET}", erasers=[])}
        s3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
        ledger = Ledger(self.aws.table, source="pbx", clock=Clock())
        ledger.mark_archived(queued(ledger, recording(recorded_at=datetime.now(UTC))), STORED)
        self.tick()
        os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        self.monkeypatch.setattr(DeployedArchive, "invoke", self._invoke)
        self.settings = DeployedArchive(ARCHIVE, session()).settings("pbx")

    def _parameters(self) -> None:
        topic = client("sns").create_topic(Name="alerts")["TopicArn"]
        client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
        self.topic = topic
        facts = {
            "version": version().partition(" ")[0],
            "commit": None,
            "bucket": BUCKET,
            "table": TABLE,
            "topics": {"alerts": topic, "urgent": topic},
            "zone": "UTC",
            "layout": LAYOUT,
        }
        put_parameter(archive_parameter_name(ARCHIVE), json.dumps(facts))
        self.dead_letters = client("sqs").create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})[
            "QueueUrl"
        ]
        for name in ("list", "dispatch", "reconcile"):
            self.schedule(name, "ENABLED", first=True)
        source = {
            "queue": self.aws.queue_url,
            "dead_letters": self.dead_letters,
            "functions": {role: f"{ARCHIVE}-pbx-{role}" for role in ("lister", "downloader", "reconciler")},
            "schedules": {name: f"pbx-{name}" for name in ("list", "dispatch", "reconcile")},
            "webhook_url": "https://x.example.com/webhooks/pbx",
        }
        put_parameter(source_parameter_name(ARCHIVE, "pbx"), json.dumps(source))

    def schedule(self, name: str, state: str, *, first: bool = False) -> None:
        do = client("scheduler").create_schedule if first else client("scheduler").update_schedule
        target = {"Arn": f"arn:aws:lambda:{REGION}:123456789012:function:x", "RoleArn": "arn:aws:iam::1:role/x"}
        do(
            Name=f"pbx-{name}",
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State=state,
            Target=target,
        )

    def put_secret(self, value: Mapping[str, Any] | None) -> None:
        secrets = client("secretsmanager")
        if value is None:
            secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
            return
        known = [each["Name"] for each in secrets.list_secrets()["SecretList"]]
        put = secrets.put_secret_value if SECRET in known else None
        if put:
            put(SecretId=SECRET, SecretString=json.dumps(value))
        else:
            secrets.create_secret(Name=SECRET, SecretString=json.dumps(value))

    def tick(self, age: timedelta = timedelta()) -> None:
        VitalsReader(self.aws.table, source="pbx", clock=Clock()).mark(requests_per_minute=6000, lanes=1)
        at = round((Clock().now() - age).timestamp() * 1000)
        self.aws.table.update("pbx#health", put={"ticked_at": at})

    def _invoke(self, function: str, event: Any, *, wait: bool = True) -> dict[str, Any]:
        assert (function, wait) == (f"{ARCHIVE}-pbx-lister", True)
        with running(Runtime(self.settings, AwsEngine(self.settings, session()), Clock())):
            return lister.handler(dict(event), _Context())

    def asked(self) -> int:
        """Requests that were booked so far."""
        return int((self.aws.item("pbx#pace") or {}).get("requests", 0))

    def doctor(self, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit code, and the checks by their ids."""
        self.capsys.readouterr()
        code = main(["-a", ARCHIVE, "--region", REGION, "doctor", "--json", *words])
        said = self.capsys.readouterr()
        assert said.out, said.err
        return code, {check["id"]: check for check in checked(said.out)["checks"]}
