"""A deployment as the environment of a function, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from functions.archiver.errors import Misconfigured
from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.settings.checks import require
from functions.archiver.settings.deployment import Archive, Source, Tier

_Part = TypeVar("_Part")

MAX_BYTES = 4096 - 768
"""Lambda takes 4 KB of variables; what synthesis does not know (bucket, table, queue, topics) gets the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics:
    """The ARNs of the topics that people are told by."""

    alerts: str
    urgent: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one function. Bucket, table, queue and topics may be tokens that only the deployment resolves."""

    bucket: str
    table: str
    queue_url: str | None = None
    topics: Topics | None = None
    archive: Archive
    source: Source

    @property
    def expire_after_days(self) -> int | None:
        """Days from archiving until this source's recordings expire; None keeps them for ever."""
        return self.source.term_days(self.archive)

    @property
    def lock_days(self) -> int:
        """Days that Object Lock, where it is on, keeps this source's audio from its archiving on."""
        return self.source.lock_days(self.archive)

    def to_env(self) -> dict[str, str]:
        """As environment variables; tokens stay outside of JSON, where nothing could resolve them."""
        env = {"BUCKET": self.bucket, "TABLE": self.table}
        if self.queue_url is not None:
            env["QUEUE_URL"] = self.queue_url
        if self.topics is not None:
            env |= {"ALERTS_TOPIC": self.topics.alerts, "URGENT_TOPIC": self.topics.urgent}
        return env | {"ARCHIVE": _dump(self.archive), "SOURCE": _dump(self.source)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings of `to_env`. Raises Misconfigured for a missing or broken variable."""
        for name in ("BUCKET", "TABLE", "ARCHIVE", "SOURCE"):
            require(env.get(name), f"the variable {name}", "is missing")
        return cls(
            bucket=env["BUCKET"],
            table=env["TABLE"],
            queue_url=env.get("QUEUE_URL"),
            topics=_topics(env),
            archive=_part(env, "ARCHIVE", _archive),
            source=_part(env, "SOURCE", _source),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveSettings:
    """The settings of a function that serves all sources."""

    bucket: str
    archive: Archive

    def to_env(self) -> dict[str, str]:
        """As environment variables."""
        return {"BUCKET": self.bucket, "ARCHIVE": _dump(self.archive)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ArchiveSettings:
        """The settings of `to_env`. Raises Misconfigured for a missing or broken variable."""
        for name in ("BUCKET", "ARCHIVE"):
            require(env.get(name), f"the variable {name}", "is missing")
        return cls(bucket=env["BUCKET"], archive=_part(env, "ARCHIVE", _archive))


def environment_of(
    archive: Archive, source: Source, *, bucket: str, table: str, queue_url: str, topics: Topics | None = None
) -> dict[str, str]:
    """The environment of every function of `source`, on AWS and in a local run alike.

    `topics` are for the one that tells people. Raises Misconfigured for more than a function can hold.
    """
    variables = Settings(
        bucket=bucket, table=table, queue_url=queue_url, topics=topics, archive=for_functions(archive), source=source
    ).to_env()
    size = sum(len(f"{name}{value}".encode()) for name, value in variables.items())
    if size > MAX_BYTES:
        raise Misconfigured(
            f"the settings of sources.{source.name} take {size} bytes, a function can hold {MAX_BYTES}: "
            f"shorten sources.{source.name}.options, for instance by dividing it among two sources"
        )
    return variables


def for_functions(archive: Archive) -> Archive:
    """An archive as its functions know it: not whom the topics tell, so that another address changes no function."""
    return replace(archive, alerts=(), urgent=())


def _topics(env: Mapping[str, str]) -> Topics | None:
    alerts, urgent = env.get("ALERTS_TOPIC"), env.get("URGENT_TOPIC")
    return Topics(alerts=alerts, urgent=urgent) if alerts and urgent else None


def _part(env: Mapping[str, str], name: str, build: Callable[[dict[str, Any]], _Part]) -> _Part:
    try:
        return build(json.loads(env[name]))
    except Misconfigured as mistake:
        raise Misconfigured(f"the variable {name}: {mistake}") from None
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise Misconfigured(f"the variable {name}: is not as a deployment writes it ({type(error).__name__})") from None


def _archive(values: dict[str, Any]) -> Archive:
    for name in ("alerts", "urgent"):
        values[name] = tuple(values.get(name, ()))
    values["tiers"] = tuple(Tier(**tier) for tier in values.get("tiers", ()))
    return Archive(**values)


def _source(values: dict[str, Any]) -> Source:
    spans = {name: timedelta(seconds=values[name]) for name in _SPANS if name in values}
    start = {"start": datetime.fromisoformat(values["start"])} if "start" in values else {}
    return Source(**(values | spans | start))


_SPANS = ("overlap", "reconcile", "webhook_quiet_after")


def _dump(value: Archive | Source) -> str:
    """As JSON without what is left at its default: a function holds 4 KB of settings at most."""
    whole = asdict(value)
    changed = {each.name: whole[each.name] for each in fields(value) if getattr(value, each.name) != _default(each)}
    return json.dumps(changed, separators=(",", ":"), default=_plain)


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _plain(value: Any) -> object:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()
