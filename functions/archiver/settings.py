"""The deployment file's content as frozen dataclasses, and the environment of a function made from it.

Infra writes `Settings(...).to_env()`, the functions read `Settings.from_env(os.environ)`: one schema for both sides.
Every dataclass here checks itself when it is built and raises Misconfigured with one sentence that names the key, so
that a deployment built in code is held to the same rules as one read from a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from functions.archiver.errors import Misconfigured
from functions.archiver.recording import Json

DAY = timedelta(days=1)

SHORTEST_STAY_DAYS = {
    "STANDARD": 0,
    "INTELLIGENT_TIERING": 0,
    "STANDARD_IA": 30,
    "ONEZONE_IA": 30,
    "GLACIER_IR": 90,
    "GLACIER": 90,
    "DEEP_ARCHIVE": 180,
}
"""Storage classes from warm to cold, with the days that S3 bills at the least."""

EARLIEST_TIER_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
"""S3 moves nothing into these classes before an object is so old."""

MOST_PARALLEL = 50
MOST_PER_MINUTE = 6000.0

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:\d*:.+")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_RATE = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?!1 )[1-9]\d{0,5} (?:minutes|hours|days))\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")


def require(holds: object, key: str, allowed: str) -> None:
    """Raises Misconfigured with `key` and what is allowed unless `holds`."""
    if not holds:
        raise Misconfigured(f"{key}: {allowed}")


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
        earliest = EARLIEST_TIER_DAYS.get(self.storage_class, 0)
        require(
            self.after_days >= max(earliest, 1),
            f"{key}.after",
            f"must be at least {max(earliest, 1)} days for {self.storage_class}, before which S3 moves nothing into it",
        )
        require(0 <= self.min_bytes <= 2**40, f"{key}.min_bytes", "must be a number of bytes from 0 to 1 TiB")


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
        expires = self.expire_after_days
        require(expires is None or 1 <= expires <= 36500, "archive.expire_after", "must be from 1 day to 36500 days")
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
        order = list(SHORTEST_STAY_DAYS)
        warmest = order.index(self.storage) if self.storage in order else 0
        days = 0
        for tier in self.tiers:
            key = f"archive.tiers ({tier.storage_class})"
            require(tier.after_days > days, f"{key}.after", "must come later than the tier before it")
            require(
                order.index(tier.storage_class) > warmest,
                f"{key}.storage_class",
                f"must be colder than {order[warmest]}, which comes before it",
            )
            stay = SHORTEST_STAY_DAYS[tier.storage_class]
            require(
                self.expire_after_days is None or tier.after_days + stay <= self.expire_after_days,
                f"{key}.after",
                f"must leave the {stay} days that S3 bills at the least before archive.expire_after "
                f"({tier.after_days} + {stay} is more than {self.expire_after_days} days)",
            )
            days, warmest = tier.after_days, order.index(tier.storage_class)

    def _check_own(self) -> None:
        if self.bucket is not None:
            require(_BUCKET.fullmatch(self.bucket), "archive.bucket", "must be the name of an S3 bucket")
            own = "cannot be set for a bucket of your own, whose lifecycle rules this stack may not touch"
            require(self.expire_after_days is None, "archive.expire_after", own)
            require(not self.tiers, "archive.tiers", own)
        for name in ("kms_key", "permissions_boundary"):
            value = getattr(self, name)
            require(value is None or _ARN.fullmatch(value), f"archive.{name}", "must be an ARN (arn:aws:…)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One provider account. `start`: nothing recorded before it is fetched; times are UTC.

    `overlap` is read again every hour, `reconcile` every day. `webhook_quiet_after` rings an alarm when no event came
    for so long although listing still finds recordings.
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
    webhook_quiet_after: timedelta | None = None
    allow_private_addresses: bool = False
    options: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name),
            f"sources.{self.name}",
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
            self.webhook or not (self.webhook_unverified or self.webhook_quiet_after),
            self._key("webhook"),
            "must be true where webhook_unverified or webhook_quiet_after is set",
        )

    def _key(self, name: str) -> str:
        return f"sources.{self.name}.{name}"

    def _check_address(self) -> None:
        parts = urlsplit(self.base_url)
        plain = self.allow_private_addresses and parts.scheme == "http"
        require(
            (parts.scheme == "https" or plain) and parts.hostname,
            self._key("base_url"),
            "must begin with https:// (http:// only together with allow_private_addresses = true)",
        )
        require(
            not (parts.username or parts.password or parts.query or parts.fragment),
            self._key("base_url"),
            "must have no user, query or fragment",
        )

    def _check_pace(self) -> None:
        rate = self.requests_per_minute
        require(
            not isinstance(rate, bool) and math.isfinite(rate) and 0 < rate <= MOST_PER_MINUTE,
            self._key("requests_per_minute"),
            f"must be a number above 0 and at most {MOST_PER_MINUTE:g}",
        )
        require(
            1 <= self.max_parallel_downloads <= MOST_PARALLEL,
            self._key("max_parallel_downloads"),
            f"must be a whole number from 1 to {MOST_PARALLEL}",
        )

    def _check_times(self) -> None:
        cron = _CRON.fullmatch(self.schedule)
        require(
            cron or _RATE.fullmatch(self.schedule),
            self._key("schedule"),
            'must be rate(n minutes|hours|days) or a cron(…) of six fields, for instance "rate(5 minutes)"',
        )
        require(
            cron is None or "*" not in cron.group(1),
            self._key("schedule"),
            "must name its minute: with * it would fire sixty times an hour",
        )
        require(
            self.start.tzinfo is not None, self._key("start"), "must have a zone, for instance 2026-01-01T00:00:00Z"
        )
        require(timedelta() < self.overlap <= 366 * DAY, self._key("overlap"), "must be at most 366 days")
        require(DAY <= self.reconcile <= 366 * DAY, self._key("reconcile"), "must be from 1 day to 366 days")


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One archive and the sources that fill it: one stack."""

    archive: Archive
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        require(self.sources, "sources", "must hold at least one source, such as [sources.acme-uk]")
        names = [source.name for source in self.sources]
        require(len(names) == len(set(names)), "sources", "must have names that differ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What one function needs. Bucket, table and queue may be tokens that only the deployment resolves."""

    bucket: str
    table: str
    queue_url: str | None = None
    archive: Archive
    source: Source

    def to_env(self) -> dict[str, str]:
        """As environment variables; tokens stay outside of JSON, where nothing could resolve them."""
        env = {"BUCKET": self.bucket, "TABLE": self.table}
        if self.queue_url is not None:
            env["QUEUE_URL"] = self.queue_url
        return env | {"ARCHIVE": _dump(self.archive), "SOURCE": _dump(self.source)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings of `to_env`. Raises Misconfigured for a missing or broken variable."""
        for name in ("BUCKET", "TABLE", "ARCHIVE", "SOURCE"):
            require(env.get(name), f"the variable {name}", "is missing")
        try:
            return cls(
                bucket=env["BUCKET"],
                table=env["TABLE"],
                queue_url=env.get("QUEUE_URL"),
                archive=_archive(json.loads(env["ARCHIVE"])),
                source=_source(json.loads(env["SOURCE"])),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Misconfigured(
                f"the variables ARCHIVE and SOURCE: {type(error).__name__} while reading them"
            ) from None


def _archive(fields: dict[str, Any]) -> Archive:
    tiers = tuple(Tier(**tier) for tier in fields.pop("tiers"))
    return Archive(**{**fields, "alerts": tuple(fields["alerts"])}, tiers=tiers)


def _source(fields: dict[str, Any]) -> Source:
    spans = {
        name: None if fields[name] is None else timedelta(seconds=fields[name])
        for name in ("overlap", "reconcile", "webhook_quiet_after")
    }
    return Source(**{**fields, **spans, "start": datetime.fromisoformat(fields["start"])})


def _dump(value: Archive | Source) -> str:
    return json.dumps(asdict(value), separators=(",", ":"), default=_plain)


def _plain(value: Any) -> object:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()
