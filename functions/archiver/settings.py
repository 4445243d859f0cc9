"""The deployment file's content as frozen dataclasses, and the environment of a function made from it.

Infra writes `Settings(...).to_env()`, the functions read `Settings.from_env(os.environ)`: one schema for both sides.
Every dataclass here checks itself when it is built and raises Misconfigured with one sentence that names the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.archiver.errors import Misconfigured
from functions.archiver.recording import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    after_days: int
    storage_class: str
    min_bytes: int = 131072


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    name: str
    alerts: tuple[str, ...] = ()
    expire_after_days: int | None = None
    storage: str = "auto"
    tiers: tuple[Tier, ...] = ()
    bucket: str | None = None
    kms_key: str | None = None
    permissions_boundary: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    archive: Archive
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    bucket: str
    table: str
    queue_url: str | None = None
    archive: Archive
    source: Source

    def to_env(self) -> dict[str, str]:
        env = {"BUCKET": self.bucket, "TABLE": self.table}
        if self.queue_url is not None:
            env["QUEUE_URL"] = self.queue_url
        return env | {"ARCHIVE": _dump(self.archive), "SOURCE": _dump(self.source)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        try:
            archive, source = json.loads(env["ARCHIVE"]), json.loads(env["SOURCE"])
            tiers = tuple(Tier(**tier) for tier in archive.pop("tiers"))
            alerts = tuple(archive.pop("alerts"))
            source["start"] = datetime.fromisoformat(source["start"])
            for name in ("overlap", "reconcile", "webhook_quiet_after"):
                source[name] = None if source[name] is None else timedelta(seconds=source[name])
            return cls(
                bucket=env["BUCKET"],
                table=env["TABLE"],
                queue_url=env.get("QUEUE_URL"),
                archive=Archive(**archive, tiers=tiers, alerts=alerts),
                source=Source(**source),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"the function's environment is broken: {error}") from None


def _dump(value: Archive | Source) -> str:
    return json.dumps(asdict(value), separators=(",", ":"), default=_plain)


def _plain(value: Any) -> object:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()
