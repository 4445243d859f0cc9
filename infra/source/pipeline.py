"""Everything that one source has to itself: they handle one account's credentials and a stranger's bytes."""

from __future__ import annotations

from constructs import Construct

from functions.archiver.settings.deployment import Source
from infra.shared import Shared
from infra.source.downloader import Downloader
from infra.source.lanes import Lanes
from infra.source.lister import Lister
from infra.source.reconciler import Reconciler
from infra.source.webhook import Webhook
from infra.webhook_api import WebhookApi


class SourcePipeline(Construct):
    """One source, from its provider to the bucket. Its id is the source's name. `api` takes its webhooks, if any."""

    def __init__(self, scope: Construct, *, shared: Shared, source: Source, api: WebhookApi | None = None) -> None:
        super().__init__(scope, source.name)
        self.lanes = Lanes(self, "Lanes", alerts=shared.alerts, source=source.name)
        self.lister = Lister(self, "Listing", shared=shared, source=source, lanes=self.lanes)
        self.downloader = Downloader(self, "Archiving", shared=shared, source=source, lanes=self.lanes)
        self.reconciler = Reconciler(self, "Reconciling", shared=shared, source=source, lanes=self.lanes)
        self.webhook = (
            Webhook(self, "Receiving", shared=shared, source=source, lanes=self.lanes, api=api) if api else None
        )
