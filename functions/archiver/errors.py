"""Everything that can go wrong, named by the next move. The whole tree:

    Outcome                     what one exchange with a provider came to, other than the wanted answer
    ├── OfTheRecording          only this recording is concerned
    │   ├── NotReady            exists, but its audio does not yet: due later, until a deadline
    │   ├── Rejected            an answer that is not this recording's audio: retried, counts as an attempt
    │   ├── Busy                a host that is not the source's own is in trouble: the recording waits, alone
    │   ├── NotFound            404 once: proves nothing yet, asked again an hour later
    │   ├── TooLong             cannot be fetched within one invocation: counts as an attempt
    │   ├── Unfetchable         its audio is kept where it is not fetched from: final until a person tries again
    │   └── Gone                the provider says that it deleted it: final
    ├── OfTheSource             says nothing about the recording: the source cools down
    │   ├── Throttled           too many requests; wait as long as it asks
    │   ├── Unavailable         5xx, time-out, reset, DNS, TLS, nonsense in place of a list
    │   │   ├── EndedEarly      the connection ended in order, before the body did
    │   │   └── TooLarge        a document longer than is read: a list is asked for in shorter windows
    │   ├── Unauthorized        the credentials are refused
    │   └── Closed              not asked at all: the source is cooling down, paused or too far ahead of its pace
    └── CursorRefused           a listing cursor has expired: its window starts again
    ArchiveTrouble              S3, KMS, DynamoDB, SQS … fails us: nobody's attempt, the source waits; no Outcome
    Misconfigured               a person has to change something; not an Outcome, so nothing swallows it
    Unverified, BadEvent        of a webhook request: its sender is not proven, or its body is malformed

Texts of these errors are stored in the ledger and logged: they never hold a URL's query, a header or a body.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

MAX_RETRY_AFTER_SECONDS = 3600.0
"""A source is asked again after this time, however long it wants to be left alone."""


TOO_SLOW = "could not be fetched within the invocation's time limit"
"""The reason of TooLong, which the daily report counts."""


class Outcome(Exception):
    """An exchange with a provider that did not bring what was asked for. Its text is the reason, for a person."""

    @property
    def reason(self) -> str:
        """One sentence for the ledger and the log; free of secrets."""
        return str(self)


class OfTheRecording(Outcome):
    """Concerns one recording; others of its source go on."""


class NotReady(OfTheRecording):
    """The provider knows the recording and its audio is not there yet."""


class Rejected(OfTheRecording):
    """The answer is not the recording's audio: wrong kind, wrong length, a header without sound, a refusal."""


class Busy(OfTheRecording):
    """The host that its audio lies with, which is not the source's own, asks to wait or does not work.

    Nobody's attempt. `retry_after` is in seconds, at most an hour; None when it named no time.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = None if retry_after is None else min(retry_after, MAX_RETRY_AFTER_SECONDS)


class NotFound(OfTheRecording):
    """The provider answered 404 for the recording. Gone only when it does so twice, an hour apart."""


class TooLong(OfTheRecording):
    """The body takes longer than the invocation lasts. Next time the way may be faster, so it counts as an attempt."""


class Unfetchable(OfTheRecording):
    """Its audio is not to be had from this provider, such as a file in the customer's own bucket. Names where it is."""


class Gone(OfTheRecording):
    """The provider says that the recording is deleted (410, or a status that says so)."""


class OfTheSource(Outcome):
    """Concerns the whole source, which cools down. Never counts as an attempt of a recording."""


class Throttled(OfTheSource):
    """The provider asks to slow down. `retry_after` is in seconds, at most an hour; None when it named no time."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = None if retry_after is None else min(retry_after, MAX_RETRY_AFTER_SECONDS)


class Unavailable(OfTheSource):
    """The provider, or the way to it, does not work at the moment."""


class EndedEarly(Unavailable):
    """The connection ended in order, after `received_bytes`, before the body did.

    `promised_bytes` is what its Content-Length said; None where it came in chunks and the last one did not. With
    `elsewhere` it came from a host that is not the source's own.
    """

    def __init__(
        self, reason: str, *, received_bytes: int, promised_bytes: int | None, elsewhere: bool = False
    ) -> None:
        super().__init__(reason)
        self.received_bytes = received_bytes
        self.promised_bytes = promised_bytes
        self.elsewhere = elsewhere


class TooLarge(Unavailable):
    """The answer is a longer document than is read. For less the source may have a shorter one."""


class Unauthorized(OfTheSource):
    """The provider refuses the credentials, a freshly fetched token included."""


class Closed(OfTheSource):
    """The pace gave no slot. `until` is when to come back (UTC); nothing was sent to the provider."""

    def __init__(self, reason: str, *, until: datetime) -> None:
        super().__init__(reason)
        self.until = until


class CursorRefused(Outcome):
    """The provider no longer takes a listing cursor; the window it belongs to starts again from its first page."""


class Service(StrEnum):
    """Whose trouble it is."""

    S3 = "S3"
    KMS = "KMS"
    SECRETS = "Secrets Manager"
    DYNAMODB = "DynamoDB"
    SQS = "SQS"
    SNS = "SNS"
    EVENTBRIDGE = "EventBridge"
    DISK = "disk"


class ArchiveTrouble(Exception):
    """The archive's own side refuses or does not answer. `code` is the service's own word for it.

    It says nothing about a recording or its provider, so it is nobody's attempt.
    """

    def __init__(self, service: Service, code: str) -> None:
        super().__init__(f"{service.value} does not work for us: {code}")
        self.service = service
        self.code = code

    @property
    def reason(self) -> str:
        """One sentence for the ledger and the log; free of secrets."""
        return str(self)


class Misconfigured(Exception):
    """The deployment file or a secret is wrong. The text is one sentence that says what to change."""


class Unverified(Exception):
    """The sender of a webhook request could not be verified. The text tells no more than that."""


class BadEvent(Exception):
    """A webhook request whose sender is verified and whose body makes no sense."""
