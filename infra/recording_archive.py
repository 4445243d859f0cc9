"""The whole archive as one construct, for this project's own stack or for somebody else's CDK app."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Deployment
from infra.alarms import Alerts
from infra.archive_bucket import ArchiveBucket
from infra.functions_asset import functions_code
from infra.ledger_table import LedgerTable
from infra.logical_ids import lasting_id
from infra.shared import Shared
from infra.source.pipeline import SourcePipeline
from infra.webhook_api import WebhookApi


class RecordingArchive(Construct):
    """`RecordingArchive(stack, "Archive", deployment=read(Path("deployments/mine.toml")))`.

    `bucket`, `table` and `alerts` are for the rest of an app; `sources` holds each source's pipeline by its name.
    """

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id_)
        archive = deployment.archive
        if archive.permissions_boundary:
            boundary = iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", archive.permissions_boundary)
            iam.PermissionsBoundary.of(self).apply(boundary)
        store = ArchiveBucket(self, "Store", archive=archive, logical_id=lasting_id(self, "Bucket"))
        self.bucket = store.bucket
        self.ledger = LedgerTable(self, "Ledger", logical_id=lasting_id(self, "Table"))
        self.table = self.ledger.table
        self.alerts = Alerts(self, "Alerts", addresses=archive.alerts)
        shared = Shared(
            archive=archive,
            bucket=self.bucket,
            key=store.key,
            ledger=self.ledger,
            code=functions_code(self),
            alerts=self.alerts,
        )
        self.webhooks = self._webhooks(deployment)
        self.sources = {
            source.name: SourcePipeline(
                self, shared=shared, source=source, api=self.webhooks if source.webhook else None
            )
            for source in deployment.sources
        }
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)
        CfnOutput(self, "TableName", value=self.table.table_name)
        CfnOutput(self, "AlertsTopic", value=self.alerts.topic.topic_arn)

    def _webhooks(self, deployment: Deployment) -> WebhookApi | None:
        """Where no source wants webhooks there is nothing that a stranger could call."""
        if not any(source.webhook for source in deployment.sources):
            return None
        return WebhookApi(self, "Webhooks", alerts=self.alerts, logical_id=lasting_id(self, "WebhookApi"))
