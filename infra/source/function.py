"""One Lambda function of one source, with a role that can do nothing but its job."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.alarms import Rule
from infra.functions_asset import ARCHITECTURE, RUNTIME
from infra.shared import Shared

LOGS_KEPT = logs.RetentionDays.THREE_MONTHS

ERRORS = 3
"""A single failed run heals itself: the next tick does its work. So many in a row do not."""


class SourceFunction(Construct):
    """The function, its role and its log. An alarm rings when it fails `ERRORS` times within `errors_within`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        source: Source,
        queue: sqs.IQueue,
        handler: str,
        description: str,
        memory_mib: int,
        timeout: Duration,
        statements: Sequence[iam.PolicyStatement],
        errors_within: Duration,
    ) -> None:
        super().__init__(scope, id_)
        self._log = logs.LogGroup(self, "Log", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY)
        # No VPC: a NAT gateway would cost more than all the rest. No reserved concurrency: a new account has none to
        # give, and the lanes bound the downloads. Failed runs are not repeated; the next tick sees what is due.
        self.function = lambda_.Function(
            self,
            "Function",
            code=shared.code,
            handler=handler,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            description=f"{description} ({source.name})",
            memory_size=memory_mib,
            timeout=timeout,
            environment=shared.environment(source, queue),
            role=self._role(
                [*statements, *shared.may_share_token(source), self._may_read_secret(source), self._may_log()]
            ),
            log_group=self._log,
        )
        self._alarm(shared, source, errors_within)

    def _role(self, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Job": iam.PolicyDocument(statements=statements)},
        )

    def _may_read_secret(self, source: Source) -> iam.PolicyStatement:
        # Secrets Manager appends a dash and six characters to the name.
        arn = Stack.of(self).format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{source.secret}-??????",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn])

    def _may_log(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self._log.log_group_arn]
        )

    def _alarm(self, shared: Shared, source: Source, within: Duration) -> None:
        shared.alerts.alarm(
            self,
            "Errors",
            Rule(
                heading="function-errors",
                summary=f"A function of source {source.name} keeps failing.",
                metric=self.function.metric_errors(period=within, statistic="Sum"),
                threshold=ERRORS,
            ),
        )
