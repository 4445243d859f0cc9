"""A source of a deployment: one provider account, and how it is listed and asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json
from functions.archiver.settings.archive import Archive
from functions.archiver.settings.checks import (
    is_place,
    is_whole,
    quoted,
    require,
    require_days,
    require_secret,
)
from functions.archiver.settings.schedule import _CRON, _RATE

DAY = timedelta(days=1)

MAX_PARALLEL = 50
MIN_PER_MINUTE = 0.01
MAX_PER_MINUTE = 6000
LONGEST_ALARM = timedelta(days=7)
"""CloudWatch looks no further back."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


LOCKED_FOR_EVER_DAYS = 3653
"""A lock needs an end: ten years where recordings are kept for ever, with the leap days of any ten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One provider account. `start`: nothing recorded before it is fetched; times are UTC.

    `overlap` is read again every hour, `reconcile` every day. `webhook_quiet_after` rings an alarm when no event came
    for so long although listing still finds recordings. `webhook_url` is where the provider sends its events when a
    domain of one's own stands in front of the API. `expire_after_days` is the source's own term. With
    `delete_after_days` and `delete_secret`, what is safely archived is deleted at the provider after that time.
    """

    name: str
    provider: str
    base_url: str
    secret: str
    schedule: str = "rate(5 minutes)"
    requests_per_minute: float
    max_parallel_downloads: int
    start: datetime = datetime(2015, 1, 1, tzinfo=UTC)
    overlap: timedelta
    reconcile: timedelta = timedelta(days=7)
    webhook: bool = False
    webhook_unverified: bool = False
    webhook_url: str | None = None
    webhook_quiet_after: timedelta | None = None
    expire_after_days: int | None = None
    delete_after_days: int | None = None
    delete_secret: str | None = None
    allow_private_addresses: bool = False
    options: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name),
            f"sources.{quoted(self.name)}",
            "a source's name must be 1 to 32 of a-z, 0-9 and -, with no hyphen at either end",
        )
        self._check_address()
        self._check_pace()
        self._check_times()
        require_secret(self.secret, self._key("secret"))
        require_days(self.expire_after_days, self._key("expire_after"))
        self._check_deletion()
        require(
            self.webhook or not (self.webhook_unverified or self.webhook_quiet_after or self.webhook_url),
            self._key("webhook"),
            "must be true where webhook_unverified, webhook_quiet_after or webhook_url is set",
        )

    def term_days(self, archive: Archive) -> int | None:
        """Days from archiving until this source's recordings expire in `archive`; None keeps them for ever."""
        return self.expire_after_days or archive.expire_after_days

    def lock_days(self, archive: Archive) -> int:
        """Days that Object Lock, where `archive` has it, keeps what is archived: the term, else ten years."""
        return self.term_days(archive) or LOCKED_FOR_EVER_DAYS

    def _key(self, name: str) -> str:
        return f"sources.{quoted(self.name)}.{name}"

    def _check_address(self) -> None:
        self._check_url("base_url", self.base_url)
        if self.webhook_url is not None:
            self._check_url("webhook_url", self.webhook_url)

    def _check_url(self, name: str, url: str) -> None:
        key, (scheme, _, rest) = self._key(name), url.partition("://")
        require(
            scheme.lower() == "https" or (scheme.lower() == "http" and self.allow_private_addresses),
            key,
            "must begin with https:// (http:// only together with allow_private_addresses = true)",
        )
        extra = "@" in rest.partition("/")[0] or "?" in rest or "#" in rest
        require(not extra, key, "must have no user, query or fragment")
        require(is_place(rest), key, "must be a host, then a port and a path where they are needed, and nothing else")

    def _check_deletion(self) -> None:
        after, key = self.delete_after_days, self._key("delete_secret")
        require_days(after, self._key("delete_at_source.after"))
        require(after is None or self.delete_secret, key, "is missing: delete_at_source needs a secret of its own")
        require(after or self.delete_secret is None, key, "is only for a source with delete_at_source")
        if self.delete_secret is not None:
            require_secret(self.delete_secret, key)
            require(self.delete_secret != self.secret, key, "must not be the secret that all functions read")

    def _check_pace(self) -> None:
        rate: object = self.requests_per_minute
        require(
            isinstance(rate, (int, float)) and rate is not True and MIN_PER_MINUTE <= rate <= MAX_PER_MINUTE,
            self._key("requests_per_minute"),
            f"must be a number from {MIN_PER_MINUTE} to {MAX_PER_MINUTE}",
        )
        require(
            is_whole(self.max_parallel_downloads, 1, MAX_PARALLEL),
            self._key("max_parallel_downloads"),
            f"must be a whole number from 1 to {MAX_PARALLEL}",
        )

    def _check_times(self) -> None:
        self._check_schedule()
        zoned = self.start.tzinfo is not None
        require(zoned, self._key("start"), "must have a zone, for instance 2026-01-01T00:00:00Z")
        require(2000 <= self.start.year <= 2100, self._key("start"), "must be in the years 2000 to 2100")
        quiet = self.webhook_quiet_after
        require(timedelta() < self.overlap <= 366 * DAY, self._key("overlap"), "must be at most 366 days")
        require(DAY <= self.reconcile <= 366 * DAY, self._key("reconcile"), "must be from 1 day to 366 days")
        require(
            quiet is None or timedelta() < quiet <= LONGEST_ALARM,
            self._key("webhook_quiet_after"),
            f"must be at most {LONGEST_ALARM.days} days, the longest that an alarm looks back",
        )

    def _check_schedule(self) -> None:
        key, cron = self._key("schedule"), _CRON.fullmatch(self.schedule)
        require(
            cron or _RATE.fullmatch(self.schedule),
            key,
            'must be rate(n minutes|hours|days) or a cron(…) of six fields, for instance "rate(5 minutes)"',
        )
        if cron:
            every = cron["minute"] in ("*", "*/1")
            require(not every, key, "must name its minute: with * it would fire sixty times an hour")
            one = (cron["day"] == "?") != (cron["weekday"] == "?")
            require(one, key, "must have ? for either the day of the month or the day of the week, and not for both")
