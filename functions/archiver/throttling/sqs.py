"""The lanes as an SQS FIFO queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from functions.archiver.aws.trouble import trouble_of
from functions.archiver.entry import Ticket
from functions.archiver.errors import Service
from functions.archiver.throttling.lanes import message_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10
"""SQS takes at most this many messages in one call."""


class SqsLanes:
    """Sends tickets into the queue of one source."""

    def __init__(self, sqs: SQSClient, *, queue_url: str, lanes: int) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._lanes = lanes

    @trouble_of(Service.SQS)
    def send(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Ten in a call; those that SQS names as failed."""
        refused: list[Ticket] = []
        for start in range(0, len(tickets), BATCH):
            batch = tickets[start : start + BATCH]
            answer = self._sqs.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[self._entry(str(n), ticket) for n, ticket in enumerate(batch)],
            )
            refused += [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]
        return refused

    def _entry(self, id_: str, ticket: Ticket) -> SendMessageBatchRequestEntryTypeDef:
        message = message_of(ticket, self._lanes)
        return {
            "Id": id_,
            "MessageBody": message.body,
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.sending,
        }
