"""The stacks of one deployment file: one that the sources share, and one for each source."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from functions.archiver.settings.deployment import Deployment, Source
from infra.recording_archive import RecordingArchive
from infra.source.pipeline import SourcePipeline


class ArchiveStack(Stack):
    """The archive, under the name that the file gives it."""

    def __init__(self, scope: Construct, *, deployment: Deployment) -> None:
        super().__init__(
            scope, deployment.archive.name, description="Archive of call recordings", analytics_reporting=False
        )
        self.archive = RecordingArchive(self, "Archive", deployment=deployment)
        CfnOutput(self, "BucketName", value=self.archive.bucket.bucket_name)
        CfnOutput(self, "TableName", value=self.archive.table.table_name)
        if self.archive.people and self.archive.custodian:
            CfnOutput(self, "OperatorPolicyArn", value=self.archive.people.operator.managed_policy_arn)
            CfnOutput(self, "ListenerPolicyArn", value=self.archive.people.listener.managed_policy_arn)
            CfnOutput(self, "CustodianPolicyArn", value=self.archive.custodian.managed_policy_arn)


class SourceStack(Stack):
    """One source. When its deploy fails, it rolls back alone."""

    def __init__(self, scope: Construct, name: str, *, root: ArchiveStack, source: Source) -> None:
        super().__init__(
            scope, name, description=f"Archive of call recordings: source {source.name}", analytics_reporting=False
        )
        self.add_stack_dependency(root)  # imports by name are a dependency that the CDK cannot see
        pipeline = SourcePipeline(self, "Source", archive=root.archive, source=source)
        if pipeline.webhook_url:
            CfnOutput(self, f"WebhookUrl{source.name}", value=pipeline.webhook_url)


def stacks(scope: Construct, deployment: Deployment, sources: Sequence[Source] | None = None) -> list[Stack]:
    """Makes the stacks of `deployment` in an app, of `sources` alone where they are given; the root comes first."""
    root = ArchiveStack(scope, deployment=deployment)
    own = deployment.sources if sources is None else sources
    return [root, *(SourceStack(scope, deployment.stack_of(each), root=root, source=each) for each in own)]
