"""The lanes of one source: a FIFO queue in which the message group is the lane, and its dead-letter queue."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.archiver.settings.queue import MAX_RECEIVE_COUNT
from infra.statements import allow

DOWNLOAD_TIMEOUT = Duration.minutes(15)

VISIBILITY_TIMEOUT = DOWNLOAD_TIMEOUT.plus(Duration.minutes(1))
"""A crash shuts a lane until this is over. Six times the time-out, as is often advised, would be an hour and a half."""


class Lanes(Construct):
    """Nothing in the queues is precious: the ledger knows everything that is due."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            fifo=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            fifo=True,
            content_based_deduplication=False,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY_TIMEOUT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=MAX_RECEIVE_COUNT),
        )

    def may_send(self) -> iam.PolicyStatement:
        """Allows to put recordings into the lanes."""
        return allow(["sqs:SendMessage"], [self.queue.queue_arn])

    def may_work(self) -> iam.PolicyStatement:
        """Allows what an event source mapping does for its function."""
        actions = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
        return allow([f"sqs:{action}" for action in actions], [self.queue.queue_arn])
