"""Finds recordings: lists the provider on the source's schedule, and puts what is due into the lanes every minute."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.schedule import DISPATCH
from infra.ledger_table import DUE
from infra.shared import Items, Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules

ITEMS = Items(actions=("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=(DUE,))


class Lister(Construct):
    """The lister of one source and its two schedules."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Lister",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Lists recordings and puts what is due into the lanes",
            memory_mib=256,
            timeout=Duration.minutes(15),
            statements=[*shared.may_use(source, ITEMS), lanes.may_send(), shared.may_tell()],
            tells=True,
        ).function
        schedules = Schedules(self, "Schedules", function=self.function, role_arn=shared.exported.scheduler_role_arn)
        self.schedules = {
            "list": schedules.add("List", source.schedule, {"action": "list"}),
            "dispatch": schedules.add("Dispatch", DISPATCH, {"action": "dispatch"}),
        }
