"""Schedules that fire one function."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct


class Schedules(Construct):
    """Fires `function`, with a role that can do nothing else. A missed firing is not made up for: another follows."""

    def __init__(self, scope: Construct, id_: str, *, function: lambda_.Function) -> None:
        super().__init__(scope, id_)
        self._function = function
        # Asynchronous repetitions of a failed run would meet the next tick.
        function.configure_async_invoke(retry_attempts=0)
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
            inline_policies={
                "Invoke": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn])
                    ]
                )
            },
        )

    def add(self, id_: str, expression: str, event: Mapping[str, str]) -> None:
        """Fires at `expression` (a rate or cron expression in UTC) with `event`."""
        scheduler.CfnSchedule(
            self,
            id_,
            schedule_expression=expression,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self._function.function_arn,
                role_arn=self._role.role_arn,
                input=json.dumps(event),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=0, maximum_event_age_in_seconds=60
                ),
            ),
        )
