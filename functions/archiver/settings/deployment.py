"""The deployment file's content as frozen dataclasses.

Infra writes `Settings(...).to_env()`, the functions read `Settings.from_env(os.environ)`: one schema for both sides.
Every dataclass here checks itself when it is built and raises Misconfigured with one sentence that names the key, so
that a deployment built in code is held to the same rules as one read from a file.
"""

from __future__ import annotations

from datetime import timedelta

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.settings.archive import Archive, Tier
from functions.archiver.settings.checks import require
from functions.archiver.settings.deletion import check_deletion
from functions.archiver.settings.source import Source

__all__ = ["Archive", "Deployment", "Source", "Tier"]

MAX_STACK_NAME = 128

MAX_WEBHOOKS = 300
"""Integrations of one HTTP API. AWS does not raise this quota."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One archive and the sources that fill it."""

    archive: Archive
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        require(self.sources, "sources", "must hold at least one source, such as [sources.acme-uk]")
        names = [source.name for source in self.sources]
        require(len(names) == len(set(names)), "sources", "must have names that differ")
        webhooks = sum(source.webhook for source in self.sources)
        require(
            webhooks <= MAX_WEBHOOKS,
            "sources",
            f"must hold at most {MAX_WEBHOOKS} with webhook = true, which is what one HTTP API takes, "
            f"and {webhooks} have it: divide them among two deployment files with two archive names",
        )
        for source in self.sources:
            self._check(source)

    def _check(self, source: Source) -> None:
        length = len(self.stack_of(source))
        require(
            length <= MAX_STACK_NAME,
            "archive.name",
            f"must be shorter: {self.stack_of(source)} would be a stack's name of {length} characters, "
            f"and {MAX_STACK_NAME} are allowed",
        )
        self._check_term(source)
        check_deletion(self.archive, source, self.sources)
        if source.expire_after_days is None:
            return
        key = f"sources.{source.name}.expire_after"
        require(
            self.archive.bucket is None,
            key,
            "cannot be set for a bucket of your own, whose lifecycle rules this stack may not touch",
        )
        for tier in self.archive.tiers:
            tier.require_before(source.expire_after_days, key)

    def _check_term(self, source: Source) -> None:
        """Checks that the term is longer than the days listed again, or expired recordings would be fetched anew."""
        days = source.term_days(self.archive)
        for name in ("overlap", "reconcile"):
            again = getattr(source, name)
            require(
                days is None or again < timedelta(days=days),
                f"sources.{source.name}.{name}",
                f"must be shorter than the {days} days after which recordings expire: "
                "what has expired would be listed again, and fetched for another term",
            )

    def stack_of(self, source: Source) -> str:
        """The name of the stack that holds all of a source."""
        return f"{self.archive.name}-{source.name}"
