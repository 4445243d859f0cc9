"""The archive of a deployment: where recordings are kept, for how long, and who is told."""

from __future__ import annotations

import re

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.settings.checks import (
    MAX_DAYS,
    is_page,
    is_whole,
    is_zone,
    require,
    require_addresses,
    require_days,
)
from functions.archiver.settings.storage_classes import EARLIEST_TIER_DAYS, IMPOSSIBLE_MOVE, SHORTEST_STAY_DAYS

MAX_TIER_BYTES = 2**40

RUNBOOK = "docs/operations.md"
"""In the project's repository, for a deployment that names no page of its own."""

SEALS_FOR_EVER_DAYS = 3650
"""How long seals of an archive without a term are locked: they name nobody, so nothing speaks against it."""

LOCKS = ("governance", "compliance")

_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_BUCKET = re.compile(
    r"(?!([0-9]+\.){3}[0-9]+$)(?=.{3,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_KEY = ("KMS key (arn:aws:kms:…:key/…)", re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"))
_POLICY = (
    "policy (arn:aws:iam::…:policy/…)",
    re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+"),
)
_ROLE = ("role (arn:aws:iam::…:role/…)", re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+"))
_ARNS = {"kms_key": _KEY, "export_key": _KEY, "permissions_boundary": _POLICY, "break_glass_role": _ROLE}


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
            is_whole(self.after_days, earliest, MAX_DAYS),
            f"{key}.after",
            f"must be from {earliest} to {MAX_DAYS} days for {self.storage_class}",
        )
        require(
            is_whole(self.min_bytes, 0, MAX_TIER_BYTES), f"{key}.min_bytes", "must be a number of bytes up to 1 TiB"
        )

    def require_before(self, expires: int, term: str) -> None:
        """Raises Misconfigured unless the move comes so long before the term's end that it is worth its price."""
        key, after = f"archive.tiers ({self.storage_class}).after", self.after_days
        least = SHORTEST_STAY_DAYS[self.storage_class]
        require(after < expires, key, f"must come before {term} ({expires} days)")
        require(
            after + least <= expires,
            key,
            f"must leave the {least} days that S3 bills at the least before {term} "
            f"({after} + {least} is more than {expires} days)",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """Where recordings are kept and for how long. `bucket`, `kms_key` and `permissions_boundary` bring your own.

    `object_lock`, `sign`, `export_key` and `break_glass_role` are for proof and erasure, `urgent` (default: `alerts`)
    and `runbook_url` for alarms, `timezone` for how people see times.
    """

    name: str
    alerts: tuple[str, ...] = ()
    expire_after_days: int | None = None
    storage: str = "auto"
    tiers: tuple[Tier, ...] = ()
    bucket: str | None = None
    kms_key: str | None = None
    permissions_boundary: str | None = None
    timezone: str = "UTC"
    object_lock: str | None = None
    compliance_cannot_be_undone: bool = False
    sign: bool = False
    export_key: str | None = None
    events: bool = False
    access_policies: bool = True
    urgent: tuple[str, ...] = ()
    runbook_url: str | None = None
    break_glass_role: str | None = None

    def __post_init__(self) -> None:
        require(
            _STACK.fullmatch(self.name),
            "archive.name",
            "must be a stack name: a letter, then at most 99 letters, digits and hyphens",
        )
        require_addresses(self.alerts, "archive.alerts")
        require_addresses(self.urgent, "archive.urgent")
        require_days(self.expire_after_days, "archive.expire_after")
        require(is_zone(self.timezone), "archive.timezone", 'must be a time zone, such as "Europe/Berlin"')
        page = self.runbook_url
        require(page is None or is_page(page), "archive.runbook_url", "must be an https:// address")
        self._check_lock()
        self._check_storage()
        self._check_tiers()
        self._check_own()

    @property
    def urgent_addresses(self) -> tuple[str, ...]:
        """The addresses for messages that cannot wait."""
        return self.urgent or self.alerts

    @property
    def runbook(self) -> str:
        """Where whoever is told of trouble reads on."""
        return self.runbook_url or RUNBOOK

    @property
    def seal_lock_days(self) -> int:
        """Days that Object Lock, where it is on, keeps a seal, whatever the term of its source is."""
        return self.expire_after_days or SEALS_FOR_EVER_DAYS

    def _check_lock(self) -> None:
        key, flag = "archive.object_lock", "archive.compliance_cannot_be_undone"
        require(self.object_lock is None or self.object_lock in LOCKS, key, f"must be {' or '.join(LOCKS)}")
        compliance = self.object_lock == "compliance"
        require(
            self.compliance_cannot_be_undone or not compliance,
            flag,
            'must be true with object_lock = "compliance": nobody, not even AWS, can delete what it locks',
        )
        require(compliance or not self.compliance_cannot_be_undone, flag, 'is only for object_lock = "compliance"')

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
        if self.expire_after_days is not None:
            tier.require_before(self.expire_after_days, "archive.expire_after")

    def _check_own(self) -> None:
        if self.bucket is not None:
            require(_BUCKET.fullmatch(self.bucket), "archive.bucket", "must be the name of an S3 bucket")
            own = "cannot be set for a bucket of your own, whose lifecycle rules this stack may not touch"
            require(self.expire_after_days is None, "archive.expire_after", own)
            require(not self.tiers, "archive.tiers", own)
        for name, (kind, pattern) in _ARNS.items():
            value = getattr(self, name)
            require(value is None or pattern.fullmatch(value), f"archive.{name}", f"must be an ARN, of a {kind}")
