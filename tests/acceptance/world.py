"""A deployed archive and the simulated providers that fill it, as the steps of the run see them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.archiver.settings.parameters import archive_parameter_name, source_parameter_name
from simulators.exchange import SimulatedRecording
from simulators.server import Simulator
from tests.acceptance.engine import ACCOUNT, ADMINISTRATOR, ROOT, Engine, Keys

ARCHIVE = "recordings"
HOOK_SECRET = "confidential-hook"
POLICY = ROOT / "docs/deploy-policy.json"

PATIENCE_SECONDS = 900.0
"""How long anything may take before it is given up: no step is judged by its time."""


class Failed(Exception):
    """A step did not come out as it should, with one sentence."""


class SimulatedSource:
    """A source whose provider is simulated on loopback; `settings` are keys of its part of the deployment file."""

    def __init__(self, name: str, simulator: Simulator, **settings: Any) -> None:
        self.name, self.simulator = name, simulator
        self.settings: dict[str, Any] = {"requests_per_minute": 600, **settings}

    @property
    def secret(self) -> str:
        """The secret's value."""
        return json.dumps({**self.simulator.secret, "webhook_secret": HOOK_SECRET})

    def records(self, size: int = 20_000) -> SimulatedRecording:
        """One more recording, of a minute ago: each tick lists the last quarter of an hour."""
        return self.simulator.add(size=size, recorded_at=datetime.now(UTC) - timedelta(minutes=1))

    def table(self) -> str:
        """The source's part of the deployment file."""
        settings: dict[str, Any] = {
            "provider": self.simulator.name,
            "base_url": self.simulator.base_url,
            "secret": f"recordings/{self.name}",
            "schedule": "rate(1 minute)",
            "allow_private_addresses": True,
            **self.settings,
        }
        lines = [f"[sources.{self.name}]", *(f"{key} = {_toml(value)}" for key, value in settings.items())]
        lines.append(f"start = {(self.simulator.start - timedelta(hours=1)).isoformat().replace('+00:00', 'Z')}")
        if self.simulator.options:
            lines += [f"[sources.{self.name}.options]"]
            lines += [f"{key} = {_toml(value)}" for key, value in self.simulator.options.items()]
        return "\n".join(lines)


def _toml(value: Any) -> str:
    return json.dumps(value)


class World:
    """The engine, what is deployed to it, and questions about it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.bucket = ""
        self.pipeline = ADMINISTRATOR
        self._file = engine.folder / "deployment.toml"
        self._log = engine.folder / "make.log"

    # deploying

    def describe(self, sources: Sequence[SimulatedSource], *, bucket: str | None = None) -> None:
        """Writes the deployment file."""
        lines = ["[archive]", f'name = "{ARCHIVE}"', 'alerts = ["ops@example.com"]']
        lines += [f'bucket = "{bucket}"'] if bucket else ['expire_after = "400 days"']
        self._file.write_text("\n\n".join(["\n".join(lines), *(each.table() for each in sources)]))

    def make(self, target: str, *flags: str, keys: Keys | None = None) -> None:
        """`make TARGET DEPLOYMENT=…` with nobody at a terminal. Raises Failed when it does not end with 0."""
        code, said = self._make(target, flags, keys or self.pipeline)
        if code:
            raise Failed("\n".join([f"make {target} ended with {code}:", *said.splitlines()[-30:]]))

    def refusal(self, target: str, *, keys: Keys | None = None) -> list[str]:
        """The lines that such a make says. Raises Failed when it ends with 0."""
        code, said = self._make(target, (), keys or self.pipeline)
        if not code:
            raise Failed(f"make {target} did not refuse")
        return said.splitlines()

    def _make(self, target: str, flags: Sequence[str], keys: Keys) -> tuple[int, str]:
        words = ["make", target, f"DEPLOYMENT={self._file}", f"CDK_FLAGS={' '.join(flags)}", f"PYTHON={sys.executable}"]
        with self._log.open("a+b") as log:
            start = log.seek(0, os.SEEK_END)
            done = subprocess.run(
                words,
                cwd=ROOT,
                env=self.engine.environment(keys),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            log.seek(start)
            return done.returncode, log.read().decode(errors="replace")

    def make_pipeline(self) -> None:
        """A role with the rights of docs/deploy-policy.json, with which everything is deployed from now on."""
        account = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [account]}
        policy = POLICY.read_text(encoding="utf-8").replace("111122223333", ACCOUNT)
        identity = self.engine.client("iam")
        role = identity.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        identity.put_role_policy(RoleName="pipeline", PolicyName="deploy", PolicyDocument=policy)
        self.pipeline = self.engine.assume(role["Arn"])

    # what is deployed

    def facts(self) -> dict[str, Any]:
        """What the archive's stack says of itself."""
        return self._parameter(archive_parameter_name(ARCHIVE))

    def source(self, name: str) -> dict[str, Any]:
        """What a source's stack says of itself."""
        return self._parameter(source_parameter_name(ARCHIVE, name))

    def stacks(self) -> set[str]:
        """The names of the archive's stacks."""
        pages = self.engine.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {stack["StackName"] for page in pages for stack in page["Stacks"]} - {"CDKToolkit"}

    def lasting(self, sources: Sequence[SimulatedSource]) -> dict[str, str]:
        """The physical ids of what an upgrade must never replace, by stack and logical id."""
        kept = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::ApiGatewayV2::Api", "AWS::SQS::Queue")
        formation = self.engine.client("cloudformation")
        return {
            f"{stack}/{each['LogicalResourceId']}": each["PhysicalResourceId"]
            for stack in (ARCHIVE, *(f"{ARCHIVE}-{each.name}" for each in sources))
            for each in formation.describe_stack_resources(StackName=stack)["StackResources"]
            if each["ResourceType"] in kept
        }

    def changes(self, name: str) -> dict[str, dict[str, str]]:
        """What the change sets of that name would do to each resource: Add, Modify, Remove, or Replace."""
        formation = self.engine.client("cloudformation")
        found: dict[str, dict[str, str]] = {}
        for stack in sorted(self.stacks()):
            if name not in {each["ChangeSetName"] for each in formation.list_change_sets(StackName=stack)["Summaries"]}:
                continue
            changes = formation.describe_change_set(StackName=stack, ChangeSetName=name)["Changes"]
            found[stack] = {
                each["ResourceType"] + " " + each["LogicalResourceId"]: "Replace"
                if each.get("Replacement") in ("True", "Conditional")
                else each["Action"]
                for each in (change["ResourceChange"] for change in changes)
            }
        return found

    def invoke(self, source: str, role: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        """Runs one of a source's functions with what a schedule would give it."""
        answer = self.engine.client("lambda").invoke(
            FunctionName=self.source(source)["functions"][role],
            InvocationType="RequestResponse" if wait else "Event",
            Payload=json.dumps(event).encode(),
        )
        said = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise Failed(f"the {role} of {source} raised: {said.decode()}")
        return json.loads(said) if wait else None

    # the archive

    def keys(self, prefix: str) -> list[str]:
        """The keys of the bucket that begin with `prefix`."""
        pages = self.engine.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def versions(self, prefix: str) -> list[tuple[str, str]]:
        """Every version there, with its key: what was overwritten or deleted would show."""
        pages = self.engine.client("s3").get_paginator("list_object_versions")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        kinds = ("Versions", "DeleteMarkers")
        return [(each["Key"], each["VersionId"]) for page in found for kind in kinds for each in page.get(kind, [])]

    def document(self, key: str) -> Any:
        """A JSON object of the bucket."""
        return json.loads(self._body(key))

    def await_archived(self, source: SimulatedSource) -> None:
        """Waits until the bucket holds what the provider has. Raises Failed where a byte differs, or one is double."""
        wanted = {row.id: row.sha256 for row in source.simulator.rows()}
        folder = f"metadata/source={source.name}/"
        wait_for(lambda: len(self.keys(folder)) >= len(wanted), f"{len(wanted)} recordings of {source.name}")
        sidecars = [self.document(key) for key in self.keys(folder)]
        held = {each["recording_id"]: hashlib.sha256(self._body(each["key"])).hexdigest() for each in sidecars}
        differing = {id_ for id_, digest in wanted.items() if held.get(id_) != digest}
        if differing:
            raise Failed(f"{source.name}: other bytes than the provider's in {sorted(differing)}")
        if len(self.versions(f"audio/source={source.name}/")) != len(wanted):
            raise Failed(f"{source.name}: not one version of each recording")

    def log_lines(self) -> Iterator[str]:
        """What the functions have logged, with the name of the log group."""
        logs = self.engine.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                yield from (f"{name}: {event['message']}" for event in page["events"])

    def _body(self, key: str) -> bytes:
        with self.engine.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"] as body:
            return bytes(body.read())

    def _parameter(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        return found


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Asks every second. Raises Failed when nobody would wait any longer."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise Failed(f"waited in vain for {what}")
        time.sleep(1)
