"""Receives the provider's events for one source, so that a recording is fetched as soon as it is there."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.ledger_table import DUE
from infra.shared import Items, Shared
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.webhook_api import serve

ITEMS = Items(actions=("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=(DUE,))

WRITTEN = ("recording#*", "lookup#*", "health")
"""Strangers reach this function: it notes what they name, and how it fared itself, and changes nothing else."""


class Webhook(Construct):
    """The webhook function of one source and its routes. `url` is what to register at the provider."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Webhook",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Takes the provider's events",
            memory_mib=512,  # less would make the first event of an hour wait for seconds; Kazoo waits for ten
            timeout=Duration.seconds(10),
            statements=[*shared.may_use(source, ITEMS, written=WRITTEN), lanes.may_send()],
        ).function
        endpoint = serve(self, shared.exported, source.name, self.function)
        self.url = source.webhook_url or endpoint
