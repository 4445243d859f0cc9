"""The deployment file's content as frozen dataclasses, and the environment of a function made from it.

Infra writes `Settings(...).to_env()`, the functions read `Settings.from_env(os.environ)`: one schema for both sides.
Every dataclass here checks itself when it is built and raises Misconfigured with one sentence that names the key, so
that a deployment built in code is held to the same rules as one read from a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address

from functions.archiver.errors import Misconfigured
from functions.archiver.recording import Json
from functions.archiver.settings.schedule import _CRON, _RATE
from functions.archiver.settings.storage_classes import EARLIEST_TIER_DAYS, IMPOSSIBLE_MOVE, SHORTEST_STAY_DAYS

DAY = timedelta(days=1)


MOST_PARALLEL = 50
LEAST_PER_MINUTE = 0.01
MOST_PER_MINUTE = 6000
MOST_DAYS = 36500
MOST_BYTES = 2**40
LONGEST_ALARM = timedelta(days=7)
"""CloudWatch looks no further back."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_BUCKET = re.compile(
    r"(?!([0-9]+\.){3}[0-9]+$)(?=.{3,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_ARNS = {
    "kms_key": re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"),
    "permissions_boundary": re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+"),
}
_ADDRESS = re.compile(r"[^@\s,;<>]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
_PLACE = re.compile(
    r"(?P<host>([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]*)*"
)


def require(holds: object, key: str, allowed: str) -> None:
    """Raises Misconfigured with `key` and what is allowed unless `holds`."""
    if not holds:
        raise Misconfigured(f"{key}: {allowed}")


def quoted(name: str) -> str:
    """A key as TOML writes it, on one line: bare where it may be, else in quotes."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """A later move of audio of at least `min_bytes` to a colder storage class."""

    after_days: int
    storage_class: str
    min_bytes: int = 131072

    def __post_init__(self) -> None:
        key = "archive.tiers"
        classes = ", ".join(SHORTEST_STAY_DAYS)
        require(self.storage_class in SHORTEST_STAY_DAYS, f"{key}.storage_class", f"must be one of {classes}")
        earliest = EARLIEST_TIER_DAYS.get(self.storage_class, 1)
        require(
            _is_whole(self.after_days, earliest, MOST_DAYS),
            f"{key}.after",
            f"must be from {earliest} to {MOST_DAYS} days for {self.storage_class}",
        )
        require(_is_whole(self.min_bytes, 0, MOST_BYTES), f"{key}.min_bytes", "must be a number of bytes up to 1 TiB")


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """Where recordings are kept and for how long. `bucket`, `kms_key` and `permissions_boundary` bring your own."""

    name: str
    alerts: tuple[str, ...] = ()
    expire_after_days: int | None = None
    storage: str = "auto"
    tiers: tuple[Tier, ...] = ()
    bucket: str | None = None
    kms_key: str | None = None
    permissions_boundary: str | None = None

    def __post_init__(self) -> None:
        require(
            _STACK.fullmatch(self.name),
            "archive.name",
            "must be a stack name: a letter, then at most 99 letters, digits and hyphens",
        )
        for address in self.alerts:
            require(_ADDRESS.fullmatch(address), "archive.alerts", f"must be mail addresses, and {address!r} is none")
        require(len(set(self.alerts)) == len(self.alerts), "archive.alerts", "must name each address once")
        expires = self.expire_after_days
        require(
            expires is None or _is_whole(expires, 1, MOST_DAYS),
            "archive.expire_after",
            f"must be from 1 day to {MOST_DAYS} days",
        )
        self._check_storage()
        self._check_tiers()
        self._check_own()

    def _check_storage(self) -> None:
        classes = ", ".join(SHORTEST_STAY_DAYS)
        require(
            self.storage == "auto" or self.storage in SHORTEST_STAY_DAYS,
            "archive.storage",
            f'must be "auto" or one of {classes}',
        )

    def _check_tiers(self) -> None:
        days, above = 0, "STANDARD" if self.storage == "auto" else self.storage
        for tier in self.tiers:
            self._check_tier(tier, days, above)
            days, above = tier.after_days, tier.storage_class

    def _check_tier(self, tier: Tier, days: int, above: str) -> None:
        order = list(SHORTEST_STAY_DAYS)
        key, after = f"archive.tiers ({tier.storage_class})", tier.after_days
        require(after > days, f"{key}.after", "must come later than the tier before it")
        require(
            order.index(tier.storage_class) > order.index(above),
            f"{key}.storage_class",
            f"must be colder than {above}, which comes before it",
        )
        require(
            (above, tier.storage_class) != IMPOSSIBLE_MOVE,
            f"{key}.storage_class",
            f"must be GLACIER or DEEP_ARCHIVE after {above}: S3 moves nothing from there into {tier.storage_class}",
        )
        stay = SHORTEST_STAY_DAYS[above]
        require(
            days + stay <= after,
            f"{key}.after",
            f"must leave the {stay} days that S3 bills at the least for {above} "
            f"({days} + {stay} is more than {after} days)",
        )
        expires, stay = self.expire_after_days, SHORTEST_STAY_DAYS[tier.storage_class]
        require(
            expires is None or after < expires,
            f"{key}.after",
            f"must come before archive.expire_after ({expires} days)",
        )
        require(
            expires is None or after + stay <= expires,
            f"{key}.after",
            f"must leave the {stay} days that S3 bills at the least before archive.expire_after "
            f"({after} + {stay} is more than {expires} days)",
        )

    def _check_own(self) -> None:
        if self.bucket is not None:
            require(_BUCKET.fullmatch(self.bucket), "archive.bucket", "must be the name of an S3 bucket")
            own = "cannot be set for a bucket of your own, whose lifecycle rules this stack may not touch"
            require(self.expire_after_days is None, "archive.expire_after", own)
            require(not self.tiers, "archive.tiers", own)
        kinds = {"kms_key": "KMS key (arn:aws:kms:…:key/…)", "permissions_boundary": "policy (arn:aws:iam::…:policy/…)"}
        for name, kind in kinds.items():
            value = getattr(self, name)
            require(value is None or _ARNS[name].fullmatch(value), f"archive.{name}", f"must be an ARN, of a {kind}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One provider account. `start`: nothing recorded before it is fetched; times are UTC.

    `overlap` is read again every hour, `reconcile` every day. `webhook_quiet_after` rings an alarm when no event came
    for so long although listing still finds recordings. `webhook_url` is where the provider sends its events when a
    domain of one's own stands in front of the API.
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
        require(
            _SECRET.fullmatch(self.secret),
            self._key("secret"),
            "must be a name in Secrets Manager: letters, digits and /_+=.@-",
        )
        require(
            self.webhook or not (self.webhook_unverified or self.webhook_quiet_after or self.webhook_url),
            self._key("webhook"),
            "must be true where webhook_unverified, webhook_quiet_after or webhook_url is set",
        )

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
        require(_is_place(rest), key, "must be a host, then a port and a path where they are needed, and nothing else")

    def _check_pace(self) -> None:
        rate: object = self.requests_per_minute
        require(
            isinstance(rate, (int, float)) and rate is not True and LEAST_PER_MINUTE <= rate <= MOST_PER_MINUTE,
            self._key("requests_per_minute"),
            f"must be a number from {LEAST_PER_MINUTE} to {MOST_PER_MINUTE}",
        )
        require(
            _is_whole(self.max_parallel_downloads, 1, MOST_PARALLEL),
            self._key("max_parallel_downloads"),
            f"must be a whole number from 1 to {MOST_PARALLEL}",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One archive and the sources that fill it: one stack."""

    archive: Archive
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        require(self.sources, "sources", "must hold at least one source, such as [sources.acme-uk]")
        names = [source.name for source in self.sources]
        require(len(names) == len(set(names)), "sources", "must have names that differ")


def _is_place(text: str) -> bool:
    match = _PLACE.fullmatch(text)
    if not match or not 0 < int(match["port"] or 443) < 2**16:
        return False
    try:
        return not match["host"].startswith("[") or bool(IPv6Address(match["host"].strip("[]")))
    except ValueError:
        return False
