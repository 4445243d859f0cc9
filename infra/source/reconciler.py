"""Asks once a day whether the archive holds everything that the provider lists, and writes a report."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.archive_bucket import acknowledge_prefixes, objects
from infra.ledger_table import DAY, DUE
from infra.shared import Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules

REPORTS = "reports"

EVERY_HOUR = "rate(1 hour)"
"""It works once a day; what one run does not get through, the next one goes on with."""


class Reconciler(Construct):
    """The reconciler of one source and its schedule."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Reconciler",
            shared=shared,
            source=source,
            queue=lanes.queue,
            handler="functions.reconciler.handler",
            description="Compares what the provider lists with the archive, daily",
            memory_mib=512,
            timeout=Duration.minutes(15),
            statements=[
                *shared.ledger.access(
                    source.name, "GetItem", "BatchGetItem", "PutItem", "UpdateItem", query=(DUE, DAY)
                ),
                *shared.may_write(source, REPORTS),
                lanes.may_send(),
            ],
            errors_within=Duration.hours(6),
        ).function
        acknowledge_prefixes(self, objects(shared.bucket, source.name, REPORTS))
        Schedules(self, "Schedules", function=self.function).add("Reconcile", EVERY_HOUR, {})
