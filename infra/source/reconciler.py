"""Asks once a day whether the archive holds everything that the provider lists, writes a report and seals days."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.archiver.settings.deployment import Source
from functions.archiver.settings.schedule import RECONCILE
from infra.archive_bucket import acknowledge_prefixes
from infra.ledger_table import DAY, DUE
from infra.object_lock import may_lock
from infra.shared import Items, Shared
from infra.signing_key import may_sign
from infra.source.function import SourceFunction
from infra.source.lanes import Lanes
from infra.source.schedules import Schedules
from infra.statements import allow

FOLDERS = ("reports", "seals")
"""What it writes, and reads again to continue a chain of seals."""

LOOKED_AT = ("audio", "quarantine", "seals")
PUBLIC_KEYS = "seals/public-key-*.pem"

ITEMS = Items(actions=("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=(DUE, DAY))


class Reconciler(Construct):
    """The reconciler of one source and its schedule."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, source: Source, lanes: Lanes) -> None:
        super().__init__(scope, id_)
        self.function = SourceFunction(
            self,
            "Reconciler",
            shared=shared,
            source=source,
            lanes=lanes,
            description="Compares what the provider lists with the archive, daily",
            memory_mib=512,
            timeout=Duration.minutes(15),
            statements=[
                *shared.may_use(source, ITEMS),
                *shared.may_open(),
                *shared.may_write(source, FOLDERS),
                allow(["s3:GetObject"], shared.objects(source, FOLDERS)),
                *self._may_sign(shared),
                *may_lock(shared, _locked(shared, source), shared.archive.seal_lock_days),
                _may_look(shared, source),
                lanes.may_send(),
            ],
        ).function
        acknowledge_prefixes(self, shared.objects(source, FOLDERS))
        role = shared.exported.scheduler_role_arn
        schedules = Schedules(self, "Schedules", function=self.function, role_arn=role, age=Duration.hours(1))
        self.schedules = {"reconcile": schedules.add("Reconcile", RECONCILE, {})}

    def _may_sign(self, shared: Shared) -> list[iam.PolicyStatement]:
        if not shared.archive.sign:
            return []
        published = f"{shared.exported.bucket_arn}/{PUBLIC_KEYS}"
        acknowledge_prefixes(self, [published], "A public key is named by its own digest.")
        Validations.of(self).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*]",
                reason="The key is found by its alias, which the condition demands.",
            )
        )
        # A second writer of a public key compares what lies there with its own.
        publish = allow(["s3:PutObject", "s3:GetObject"], [published])
        return [*may_sign(self, shared.archive.name), publish]


def _may_look(shared: Shared, source: Source) -> iam.PolicyStatement:
    """Which versions of the source's audio and seals the bucket holds, and no byte of them."""
    return shared.may_list("s3:ListBucketVersions", [f"{folder}/source={source.name}" for folder in LOOKED_AT])


def _locked(shared: Shared, source: Source) -> list[str]:
    """What the archive's own term locks, whatever the source's is."""
    keys = [f"{shared.exported.bucket_arn}/{PUBLIC_KEYS}"] if shared.archive.sign else []
    return [*shared.objects(source, ("seals",)), *keys]
