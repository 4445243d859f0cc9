"""Tells other programs of what changes in the archive: one function on the table's stream."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.archiver.settings.environment import ArchiveSettings, for_functions
from functions.archiver.settings.events import ATTEMPTS, FAILED, PATTERNS, bus_source
from functions.archiver.settings.metrics import OF_ALL_SOURCES, Metric
from infra.alarms import Rule, metric_of, metric_of_function
from infra.archive_bucket import acknowledge_prefixes
from infra.functions_asset import ARCHITECTURE, RUNTIME
from infra.shared import Shared
from infra.statements import allow, may_use_key, may_use_table_key
from infra.webhook_api import LOGS_KEPT

BATCH = 100
"""Records that one invocation gets at most: ten calls of EventBridge."""

WORDS = "events are not taken"
SUMMARY = "Events have not been sent."
MINUTES = 15
"""In which a batch has all its tries."""


class Events(Construct):
    """The function, its role and log, what feeds it, and an alarm. `stream_arn` is the stream of the archive's table.

    Neither downloader nor any other function gains a call or a right by it. The function sees what the ledger holds,
    and may ask the table for nothing.
    """

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, stream_arn: str) -> None:
        super().__init__(scope, id_)
        self._shared = shared
        self._log = logs.LogGroup(self, "Log", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY)
        archive = shared.archive
        settings = ArchiveSettings(bucket=shared.exported.bucket_name, archive=for_functions(archive))
        self.function = lambda_.Function(
            self,
            "Function",
            code=shared.code,
            handler="functions.events.handler",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            description=f"Tells other programs of what changes in the archive {archive.name}",
            memory_size=256,
            timeout=Duration.minutes(1),
            environment=settings.to_env(),
            role=self._role(stream_arn),
            log_group=self._log,
        )
        self._feed(stream_arn)
        shared.alerts.alarm(self, "Unsent", OF_ALL_SOURCES, _unsent(archive.name, self.function.function_name))

    def _feed(self, stream_arn: str) -> None:
        """Feeds the function with the table's stream; the function compares once more what the filter let through."""
        mapping = lambda_.CfnEventSourceMapping
        patterns = [json.dumps({"dynamodb": pattern}, separators=(",", ":")) for pattern in PATTERNS]
        mapping(
            self,
            "Stream",
            function_name=self.function.function_arn,
            event_source_arn=stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=BATCH,
            maximum_batching_window_in_seconds=1,
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=ATTEMPTS,
            function_response_types=["ReportBatchItemFailures"],
            filter_criteria=mapping.FilterCriteriaProperty(
                filters=[mapping.FilterProperty(pattern=pattern) for pattern in patterns]
            ),
            destination_config=mapping.DestinationConfigProperty(
                on_failure=mapping.OnFailureProperty(destination=self._shared.exported.bucket_arn)
            ),
        ).node.add_dependency(self.function)

    def _role(self, stream_arn: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Job": iam.PolicyDocument(statements=self._statements(stream_arn))},
        )
        bucket, table = self._shared.exported.bucket_arn, self._shared.exported.table_arn
        acknowledge_prefixes(role, [f"{bucket}/{FAILED}/*"], "Lambda names what it puts aside.")
        acknowledge_prefixes(role, [f"{table}/stream/*"], "A stream is named by the moment at which it was made.")
        return role

    def _statements(self, stream_arn: str) -> list[iam.PolicyStatement]:
        exported, key = self._shared.exported, self._shared.archive.kms_key
        read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
        return [
            allow(read, [stream_arn]),
            allow(["dynamodb:ListStreams"], [f"{exported.table_arn}/stream/*"]),
            may_put_events(self, self._shared.archive.name),
            allow(["s3:PutObject"], [f"{exported.bucket_arn}/{FAILED}/*"]),
            allow(["s3:ListBucket"], [exported.bucket_arn]),
            *([may_use_key(["kms:GenerateDataKey"], key, by="s3")] if key else []),
            *may_use_table_key(self._shared.archive),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [self._log.log_group_arn]),
        ]


def may_put_events(scope: Construct, archive: str) -> iam.PolicyStatement:
    """Allows to send events to the default bus, in the name of the archive alone."""
    bus = Stack.of(scope).format_arn(
        service="events", resource="event-bus", resource_name="default", arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )
    own = {"ForAllValues:StringEquals": {"events:source": [bus_source(archive)]}}
    return allow(["events:PutEvents"], [bus], own)


def _unsent(archive: str, function: str) -> Rule:
    """So many failed tries are those of a batch that was put aside, and not of one that went with a later try."""
    errors = metric_of_function(function, "Errors", minutes=MINUTES)
    unsent = metric_of(archive, OF_ALL_SOURCES, Metric.EVENTS_UNSENT, "SampleCount", minutes=MINUTES)
    return Rule(
        words=WORDS,
        heading="events-are-not-taken",
        command="recordings events replay --from DATE",
        summary=SUMMARY,
        series={"unsent": unsent, "errors": errors},
        expression="FILL(unsent, 0) + FILL(errors, 0)",
        threshold=ATTEMPTS,
    )
