"""One Lambda function of one source, with a role that can do nothing but its job."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.functions_asset import ARCHITECTURE, RUNTIME
from infra.shared import TAG, Shared
from infra.source.lanes import Lanes
from infra.statements import allow
from infra.webhook_api import LOGS_KEPT


class SourceFunction(Construct):
    """The function, its role and its log."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        source: Source,
        lanes: Lanes,
        description: str,
        memory_mib: int,
        timeout: Duration,
        statements: Sequence[iam.PolicyStatement],
        tells: bool = False,
        secret: str | None = None,
    ) -> None:
        """With `secret` it reads that one in place of the source's, and shares no token with the other functions."""
        super().__init__(scope, id_)
        self._log = logs.LogGroup(self, "Log", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY)
        # No VPC: a NAT gateway would cost more than all the rest. No reserved concurrency: a new account has none to
        # give, and the lanes bound the downloads. Failed runs are not repeated; the next tick sees what is due.
        self.function = lambda_.Function(
            self,
            "Function",
            code=shared.code,
            handler=f"functions.{id_.lower()}.handler",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            description=f"{description} ({source.name})",
            memory_size=memory_mib,
            timeout=timeout,
            environment=shared.environment(source, lanes.queue.queue_url, tells=tells),
            role=self._role(
                [
                    *statements,
                    *([] if secret else shared.may_share_token(source)),
                    self._may_read(secret or source.secret),
                    self._may_log(),
                ]
            ),
            log_group=self._log,
        )
        Tags.of(self.function).add(TAG, shared.archive.name)

    def _role(self, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Job": iam.PolicyDocument(statements=statements)},
        )

    def _may_read(self, secret: str) -> iam.PolicyStatement:
        # Secrets Manager appends a dash and six characters to the name.
        arn = Stack.of(self).format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{secret}-??????",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return allow(["secretsmanager:GetSecretValue"], [arn])

    def _may_log(self) -> iam.PolicyStatement:
        return allow(["logs:CreateLogStream", "logs:PutLogEvents"], [self._log.log_group_arn])
