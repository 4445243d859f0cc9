"""The part of an archive that its sources share, as one construct for this project's root stack or another app."""

from __future__ import annotations

from dataclasses import asdict

from aws_cdk import Acknowledgment, ArnFormat, CfnOutput, Fn, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Archive, Deployment
from functions.archiver.settings.parameters import LAYOUT, archive_parameter_name
from functions.archiver.version import VERSION
from infra.alarms import Topics
from infra.archive_bucket import ArchiveBucket
from infra.custodian import Custodian
from infra.events import Events
from infra.functions_asset import functions_code
from infra.ledger_table import LedgerTable
from infra.logical_ids import lasting_id
from infra.parameters import parameter
from infra.people import ArchiveNames, People
from infra.shared import TAG, Exported, Shared
from infra.signing_key import SigningKey
from infra.statements import allow
from infra.version import commit
from infra.webhook_api import WebhookApi


class RecordingArchive(Construct):
    """`RecordingArchive(stack, "Archive", deployment=read(Path("deployments/mine.toml")))`.

    `bucket`, `table`, `topics`, `people` and `custodian` (both None without `access_policies`) are for the rest of an
    app. Each source is a `SourcePipeline` of its own, in this stack or in another one of the same account and region.
    """

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id_)
        self.archive = deployment.archive
        apply_boundary(self, self.archive)
        store = ArchiveBucket(self, "Store", deployment=deployment, logical_id=lasting_id(self, "Bucket"))
        self.bucket = store.bucket
        ledger = LedgerTable(
            self,
            "Ledger",
            logical_id=lasting_id(self, "Table"),
            streams=self.archive.events,
            kms_key=self.archive.kms_key,
        )
        self.table = ledger.table
        self.topics = Topics(self, "Alerts", archive=self.archive)
        if self.archive.sign:
            SigningKey(self, "Seals", archive=self.archive.name)
        self._webhooks = WebhookApi(
            self, "Webhooks", archive=self.archive.name, logical_id=lasting_id(self, "WebhookApi")
        )
        self._own = Exported(
            bucket_name=self.bucket.bucket_name,
            bucket_arn=self.bucket.bucket_arn,
            table_name=self.table.table_name,
            table_arn=self.table.table_arn,
            alerts_topic_arn=self.topics.alerts.topic_arn,
            urgent_topic_arn=self.topics.urgent.topic_arn,
            api_id=self._webhooks.api_id,
            api_endpoint=self._webhooks.endpoint,
            scheduler_role_arn=self._scheduler_role().role_arn,
        )
        self._imported = self._export()
        self.people = self._people() if self.archive.access_policies else None
        self._webhooks.watch(self._own.alerts(self.archive))
        if self.archive.events:
            Events(self, "Events", shared=self.shared_with(self), stream_arn=self.table.table_stream_arn or "")
        self.custodian = self._custodian(store.eraser) if store.eraser else None
        name = archive_parameter_name(self.archive.name)
        parameter(self, name, f"The recording archive {self.archive.name}", self._facts(store))

    def _people(self) -> People:
        own = self._own
        held = ArchiveNames(
            archive=self.archive,
            bucket_arn=own.bucket_arn,
            table_arn=own.table_arn,
            topics=(own.alerts_topic_arn, own.urgent_topic_arn),
        )
        return People(self, "People", held=held)

    def _custodian(self, eraser: iam.IRole) -> Custodian:
        return Custodian(
            self,
            "Custodian",
            archive=self.archive,
            bucket_arn=self._own.bucket_arn,
            table_arn=self._own.table_arn,
            eraser_arn=eraser.role_arn,
        )

    def shared_with(self, scope: Construct) -> Shared:
        """The archive's names and ARNs for a construct of this stack or of another one."""
        here = Stack.of(scope) == Stack.of(self)
        return Shared(archive=self.archive, exported=self._own if here else self._imported, code=functions_code(scope))

    def _export(self) -> Exported:
        imported = {}
        for field, name in Exported.names().items():
            export = f"{self.archive.name}:{name}"
            output = CfnOutput(self, name, value=asdict(self._own)[field], export_name=export)
            output.override_logical_id(lasting_id(self, f"Export{name}"))
            imported[field] = Fn.import_value(export)
        return Exported(**imported)

    def _facts(self, store: ArchiveBucket) -> dict[str, object]:
        return {
            "version": VERSION,
            "commit": commit(),
            "bucket": self._own.bucket_name,
            "table": self._own.table_name,
            "topics": {"alerts": self._own.alerts_topic_arn, "urgent": self._own.urgent_topic_arn},
            "zone": self.archive.timezone,
            "events": self.archive.events,
            "layout": LAYOUT,
            "eraser": store.eraser.role_arn if store.eraser else None,
            "break_glass": self.archive.break_glass_role,
            "export_key": self.archive.export_key,
            "object_lock": self.archive.object_lock,
        }

    def _scheduler_role(self) -> iam.Role:
        """One for all schedules, because an account takes only so many roles. It fires this archive's functions."""
        stack = Stack.of(self)
        functions = stack.format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        own = {"StringEquals": {f"aws:ResourceTag/{TAG}": self.archive.name}}
        role = iam.Role(
            self,
            "Scheduler",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            inline_policies={
                "Invoke": iam.PolicyDocument(statements=[allow(["lambda:InvokeFunction"], [functions], own)])
            },
        )
        Validations.of(role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:*]",
                reason="The functions are in other stacks; the condition lets through those with this archive's tag.",
            )
        )
        return role


def apply_boundary(scope: Construct, archive: Archive) -> None:
    """Puts the permissions boundary of the deployment, if there is one, on every role in `scope`."""
    if archive.permissions_boundary:
        boundary = iam.ManagedPolicy.from_managed_policy_arn(scope, "Boundary", archive.permissions_boundary)
        iam.PermissionsBoundary.of(scope).apply(boundary)
