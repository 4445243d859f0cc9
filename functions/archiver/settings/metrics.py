"""The names of all metrics: what the functions emit and what alarms and the runbook look at.

Each costs money in every hour in which it is sent, so only what somebody looks at is one, and all but `Trouble` are
sent only when they are not zero. Other figures are fields of log lines.
"""

from __future__ import annotations

from enum import StrEnum

NAMESPACE = "RecordingArchive"
"""CloudWatch's namespace of all of them. Their dimensions are archive and source, for an account may have archives
with sources of one name."""

OF_ALL_SOURCES = "all sources"
"""The dimension of what no single source is concerned with. No source can have such a name."""

URGENT_TROUBLE = 10
"""The value of `Trouble` from which it cannot wait till morning."""


class Metric(StrEnum):
    """One metric of a source. Counts, unless the name ends in Seconds; `Trouble` is the level of what people were told
    of last, 0 for a source that is well, and is sent every minute.
    """

    TROUBLE = "Trouble"
    OLDEST_WAITING_SECONDS = "OldestWaitingSeconds"
    RECORDINGS_FAILED = "RecordingsFailed"
    RECORDINGS_QUARANTINED = "RecordingsQuarantined"
    ALTERED = "Altered"
    WEBHOOK_REFUSED = "WebhookRefused"
    DAYS_INCOMPLETE = "DaysIncomplete"
    SEAL_CHAIN_BROKEN = "SealChainBroken"
    EVENTS_UNSENT = "EventsUnsent"
    S3_ERRORS = "S3Errors"
    KMS_ERRORS = "KMSErrors"
    DYNAMODB_ERRORS = "DynamoDBErrors"
    SQS_ERRORS = "SQSErrors"
    SNS_ERRORS = "SNSErrors"

    @property
    def in_seconds(self) -> bool:
        """Whether its values are seconds."""
        return self.value.endswith("Seconds")
