"""The checks of an archive on AWS. Each names its own fault; what one is not allowed to ask is unknown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.archiver.checking import Status
from functions.archiver.clock import Clock, from_iso
from functions.archiver.settings.deployment import Archive
from functions.archiver.vitals import VitalsReader
from ops.archive.deployed import DeployedArchive
from ops.doctor.check import Check, first_archived, tick, unknown_when_refused
from ops.doctor.policy import not_enforced, takes_plain_http
from ops.shell.output import ExitCode, Failure
from ops.shell.version import version

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Signatures of AWS bear five minutes, those of some providers less."""

FUNCTIONS_BESIDE_LANES = 3
"""A lister, a reconciler and a webhook may run beside the downloads of a source."""

_REMEDIES = {
    "secret.readable": "aws secretsmanager put-secret-value --secret-id {secret} --secret-string file://credentials.json",
    "secret.fields": "aws secretsmanager put-secret-value --secret-id {secret} --secret-string file://credentials.json",
    "provider.lists": "recordings status {source}",
    "webhook.enabled": "recordings webhook register {source}",
}


_STATEMENTS = (
    "add the statements that this prints to its policy: aws cloudformation describe-stacks --stack-name {stack} "
    "--query \"Stacks[0].Outputs[?contains(OutputKey, 'BucketPolicy')].OutputValue\" --output text"
)
_LOCK = "set archive.object_lock as it was, and make deploy: what is archived now can be deleted"
_SWITCH_ON = (
    "aws s3api put-object-lock-configuration --bucket {bucket} --object-lock-configuration ObjectLockEnabled=Enabled"
)


class DeployedDoctor:
    """Looks at one archive. `clock` is this machine's."""

    def __init__(self, archive: DeployedArchive, *, anyway: bool = False, clock: Clock | None = None) -> None:
        self._archive = archive
        self._anyway = anyway
        self._clock = clock or Clock()

    def checks(self, sources: Sequence[str], *, write_test: bool = False) -> Iterator[Check]:
        """All of them, the archive's first."""
        yield self._version()
        yield from self._alerts()
        yield from self._versioning()
        settings = self._archive.settings(sources[0]).archive if sources else None
        yield from self._policy(own=settings is not None and settings.bucket is not None)
        if settings is not None:
            yield from self._lock(settings)
            yield from self._key(settings)
        yield from self._quota(sources)
        for source in sources:
            yield from self._by_the_function(source)
            yield from self._schedules(source)
            yield from tick(self._archive, source, VitalsReader(self._archive.table, source=source, clock=self._clock))
            yield from self._dead_letters(source)
            yield from first_archived(self._archive, source)
        if write_test:
            yield from self._write()

    def _client(self, service: Any) -> Any:
        return self._archive.session.client(service)

    # the archive

    def _version(self) -> Check:
        facts, mine = self._archive.facts, version()
        deployed = f"{facts.version} ({facts.commit})" if facts.commit else facts.version
        if facts.version == mine.partition(" ")[0]:
            return Check(id="deployed.version", status="ok", detail=f"{deployed} is deployed")
        detail = f"{deployed} is deployed, and this is {mine}"
        return Check(id="deployed.version", status="warning", detail=detail, next="make deploy")

    @unknown_when_refused("alerts.confirmed")
    def _alerts(self) -> Iterator[Check]:
        waiting, confirmed = [], 0
        pages = self._client("sns").get_paginator("list_subscriptions_by_topic")
        for arn in dict.fromkeys(self._archive.facts.topics.values()):
            for page in _ask("ListSubscriptionsByTopic", lambda arn=arn: list(pages.paginate(TopicArn=arn))):
                for subscription in page["Subscriptions"]:
                    if subscription["SubscriptionArn"].startswith("arn:"):
                        confirmed += 1
                    else:
                        waiting.append(subscription["Endpoint"])
        id_ = "alerts.confirmed"
        if waiting:
            who = ", ".join(sorted(set(waiting)))
            yield Check(id=id_, status="failed", detail=f"not confirmed by {who}", next="confirm the mail from AWS")
        elif not confirmed:
            yield Check(id=id_, status="warning", detail="nobody gets the alarms", next="give alerts in [archive]")
        else:
            yield Check(id=id_, status="ok", detail=f"{confirmed} subscriptions are confirmed")

    @unknown_when_refused("bucket.versioned")
    def _versioning(self) -> Iterator[Check]:
        bucket = self._archive.facts.bucket
        answer = _ask("GetBucketVersioning", lambda: self._client("s3").get_bucket_versioning(Bucket=bucket))
        yield from self._clock_check(answer)
        if answer.get("Status") == "Enabled":
            yield Check(id="bucket.versioned", status="ok", detail=f"{bucket} keeps versions")
            return
        command = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
        yield Check(id="bucket.versioned", status="failed", detail=f"{bucket} keeps no versions", next=command)

    def _clock_check(self, answer: dict[str, Any]) -> Iterator[Check]:
        """By the time that AWS puts on its answers."""
        from email.utils import parsedate_to_datetime

        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if told:
            yield self._compare_clocks(parsedate_to_datetime(told))

    def _compare_clocks(self, theirs: datetime) -> Check:
        difference = self._clock.now() - theirs
        if abs(difference) <= MAX_CLOCK_DIFFERENCE:
            return Check(id="clock", status="ok", detail="this machine's clock agrees with AWS")
        seconds = round(difference.total_seconds())
        detail = f"this machine's clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} AWS's"
        return Check(id="clock", status="failed", detail=detail, next="set it, or have it set by NTP")

    @unknown_when_refused("bucket.policy")
    def _policy(self, *, own: bool) -> Iterator[Check]:
        bucket = self._archive.facts.bucket
        try:
            policy = json.loads(self._client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise _refusal("GetBucketPolicy", error) from None
            policy = {}
        lacking = not_enforced(policy, bucket)
        lacking += ["reading and writing without TLS"] if own and takes_plain_http(policy, bucket) else []
        if lacking:
            detail = f"not enforced: the bucket's policy does not forbid {', '.join(lacking)}"
            remedy = _STATEMENTS.format(stack=self._archive.name) if own else "make deploy"
            yield Check(id="bucket.policy", status="failed", detail=detail, next=remedy)
        else:
            yield Check(id="bucket.policy", status="ok", detail="enforced: nothing is written over or deleted")

    @unknown_when_refused("bucket.lock")
    def _lock(self, settings: Archive) -> Iterator[Check]:
        wanted, own = settings.object_lock, settings.bucket is not None
        bucket = self._archive.facts.bucket
        try:
            answer = self._client("s3").get_object_lock_configuration(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ObjectLockConfigurationNotFoundError":
                raise _refusal("GetObjectLockConfiguration", error) from None
            answer = {}
        on = answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
        if wanted is None and not on:
            return
        detail = f"object_lock is {wanted or 'not set'}, and the bucket {'has it' if on else 'does not have it'}"
        if wanted is None:  # once it was set, or the bucket is somebody's who wants it for other things
            yield Check(id="bucket.lock", status="ok" if own else "warning", detail=detail, next=None if own else _LOCK)
            return
        remedy = None if on else _SWITCH_ON.format(bucket=bucket) if own else "make deploy"
        yield Check(id="bucket.lock", status="ok" if on else "failed", detail=detail, next=remedy)

    @unknown_when_refused("key.usable")
    def _key(self, settings: Archive) -> Iterator[Check]:
        key = settings.kms_key
        if key is None:
            return
        answer = _ask("DescribeKey", lambda: self._client("kms").describe_key(KeyId=key))
        state = answer["KeyMetadata"]["KeyState"]
        if state == "Enabled":
            yield Check(id="key.usable", status="ok", detail="the key is enabled")
        else:
            command = f"aws kms enable-key --key-id {key}"
            yield Check(id="key.usable", status="failed", detail=f"the key is {state}", next=command)

    def _quota(self, sources: Sequence[str]) -> Iterator[Check]:
        """Advice alone: who may not ask for it misses nothing that is wrong."""
        try:
            answer = self._client("lambda").get_account_settings()
        except ClientError:
            return
        there = answer["AccountLimit"]["ConcurrentExecutions"]
        lanes = (self._archive.settings(source).source.max_parallel_downloads for source in sources)
        needed = sum(each + FUNCTIONS_BESIDE_LANES for each in lanes)
        status: Status = "ok" if there >= needed else "warning"
        detail = f"{there} functions may run at a time, up to {needed} do"
        yield Check(id="quota.concurrency", status=status, detail=detail)

    @unknown_when_refused("bucket.write")
    def _write(self) -> Iterator[Check]:
        key = f"doctor/{uuid.uuid4()}.json"
        self._archive.bucket.put(key, b"{}\n")
        yield Check(id="bucket.write", status="ok", detail=f"{key} was written; a lifecycle rule removes it")

    # a source

    @unknown_when_refused("provider.lists")
    def _by_the_function(self, source: str) -> Iterator[Check]:
        """Checks that the function makes under its own role."""
        function = self._archive.source(source).functions["lister"]
        answer = self._archive.invoke(function, {"action": "check", "anyway": self._anyway})
        for check in answer["checks"]:
            remedy = None
            if check["status"] != "ok":
                secret = self._archive.settings(source).source.secret
                remedy = _REMEDIES[check["id"]].format(source=source, secret=secret)
            yield Check(source=source, next=remedy, **check)
        theirs = from_iso(answer["at"])
        if abs(self._clock.now() - theirs) > MAX_CLOCK_DIFFERENCE + timedelta(minutes=1):
            yield self._compare_clocks(theirs)

    @unknown_when_refused("schedule.enabled")
    def _schedules(self, source: str) -> Iterator[Check]:
        names = self._archive.source(source).schedules
        id_ = "schedule.enabled"
        if not names:
            yield Check(id=id_, source=source, status="unknown", detail="its name is not known", next="make deploy")
            return
        off = []
        for what, name in names.items():
            answer = _ask("GetSchedule", lambda name=name: self._client("scheduler").get_schedule(Name=name))
            if answer["State"] != "ENABLED":
                off.append(f"{what} ({name})")
        if off:
            detail = f"switched off: {', '.join(off)}"
            remedy = "enable it in EventBridge Scheduler"
            yield Check(id=id_, source=source, status="failed", detail=detail, next=remedy)
        else:
            yield Check(id=id_, source=source, status="ok", detail=f"{', '.join(names)} fire")

    @unknown_when_refused("dead-letters.empty")
    def _dead_letters(self, source: str) -> Iterator[Check]:
        url = self._archive.source(source).dead_letters
        number = "ApproximateNumberOfMessages"
        answer = _ask(
            "GetQueueAttributes",
            lambda: self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[number]),
        )
        count = int(answer["Attributes"][number])
        if not count:
            yield Check(id="dead-letters.empty", source=source, status="ok", detail="no message is left")
            return
        yield Check(
            id="dead-letters.empty",
            source=source,
            status="failed",
            detail=f"{count} messages could not be worked on; the ledger has made them due again",
            next=f"aws sqs purge-queue --queue-url {url}",
        )


def _ask(operation: str, ask: Any) -> Any:
    """The answer. Raises Failure where AWS refuses."""
    try:
        return ask()
    except ClientError as error:
        raise _refusal(operation, error) from None


def _refusal(operation: str, error: ClientError) -> Failure:
    return Failure(ExitCode.UNAVAILABLE, f"AWS refuses {operation}: {error.response['Error']['Code']}")
