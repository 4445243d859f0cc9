"""Schedules that fire one function."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct


class Schedules(Construct):
    """Fires `function` as the archive's scheduler role. A missed firing is not made up for: another follows.

    Lambda drops what it could not start within `age`, or an account that was out of concurrency for hours would then
    have to work off all the firings of these hours.
    """

    def __init__(self, scope: Construct, id_: str, *, function: lambda_.Function, role_arn: str, age: Duration) -> None:
        super().__init__(scope, id_)
        self._function = function
        self._role_arn = role_arn
        # Asynchronous repetitions of a failed run would meet the next tick.
        function.configure_async_invoke(retry_attempts=0, max_event_age=age)

    def add(self, id_: str, expression: str, event: Mapping[str, str]) -> str:
        """Fires at `expression` (a rate or cron expression in UTC) with `event`; the schedule's name."""
        return scheduler.CfnSchedule(
            self,
            id_,
            schedule_expression=expression,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self._function.function_arn,
                role_arn=self._role_arn,
                input=json.dumps(event),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=0, maximum_event_age_in_seconds=60
                ),
            ),
        ).ref
