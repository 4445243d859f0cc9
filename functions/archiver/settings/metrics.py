"""The names of all metrics: what the functions emit and what alarms may watch."""

from __future__ import annotations

from enum import StrEnum

NAMESPACE = "RecordingArchive"
"""CloudWatch's namespace of all of them; their only dimension is the source."""


class Metric(StrEnum):
    """One metric of a source. Counts, unless the name ends in Seconds."""

    RECORDINGS_FOUND = "RecordingsFound"
    RECORDINGS_ARCHIVED = "RecordingsArchived"
    BYTES_ARCHIVED = "BytesArchived"
    RECORDINGS_FAILED = "RecordingsFailed"
    RECORDINGS_QUARANTINED = "RecordingsQuarantined"
    WINDOWS_UNCLEAN = "WindowsUnclean"
    OLDEST_WAITING_SECONDS = "OldestWaitingSeconds"
    SECONDS_UNTIL_DELETION = "SecondsUntilDeletion"
    SOURCE_BLOCKED = "SourceBlocked"
    WEBHOOK_EVENTS = "WebhookEvents"
    WEBHOOK_ACCEPTED = "WebhookAccepted"
    WEBHOOK_IGNORED = "WebhookIgnored"
    WEBHOOK_REFUSED = "WebhookRefused"
    DAYS_INCOMPLETE = "DaysIncomplete"
    SEAL_CHAIN_BROKEN = "SealChainBroken"
    S3_ERRORS = "S3Errors"
    KMS_ERRORS = "KMSErrors"
    DYNAMODB_ERRORS = "DynamoDBErrors"
    SQS_ERRORS = "SQSErrors"

    @property
    def in_seconds(self) -> bool:
        """Whether its values are seconds."""
        return self.value.endswith("Seconds")
