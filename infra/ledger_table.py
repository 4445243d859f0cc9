"""The table behind the ledger: one item for each recording and a few for each source."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.logical_ids import name_for_good

DUE = "due"
DAY = "day"

RECOVERY_DAYS = 35


class LedgerTable(Construct):
    """On demand, recoverable to any second of the last weeks, and kept when the stack goes.

    With `streams` its changes can be followed; that comes and goes without another table.
    """

    def __init__(self, scope: Construct, id_: str, *, logical_id: str, streams: bool, kms_key: str | None) -> None:
        super().__init__(scope, id_)
        # Table and not TableV2: the latter's resource type is known to no emulator.
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text("pk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            time_to_live_attribute="expires_at",
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if kms_key else None,
            encryption_key=kms.Key.from_key_arn(self, "Key", kms_key) if kms_key else None,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if streams else None,
        )
        name_for_good(self.table, logical_id)
        self._index(DUE, _text("due_group"), _number("due_at"))
        self._index(DAY, _text("day"), _text("pk"))

    def _index(self, name: str, partition: dynamodb.Attribute, sort: dynamodb.Attribute) -> None:
        self.table.add_global_secondary_index(
            index_name=name,
            partition_key=partition,
            sort_key=sort,
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _number(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)
