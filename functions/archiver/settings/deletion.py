"""Conditions on a deployment that deletes recordings at their source.

Bucket and lock are looked at where a stack is made (`require_safe_archive`): a folder has neither, and checks bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from functions.archiver.settings.archive import Archive
from functions.archiver.settings.checks import require
from functions.archiver.settings.source import Source
from functions.providers import load

UNTIL_SEALED = timedelta(days=1)
"""A day is sealed on the day after it has left the reconciler's window."""


def check_deletion(archive: Archive, source: Source, others: Iterable[Source]) -> None:
    """Raises Misconfigured for a deletion at the source that cannot work, or that somebody else could do."""
    days = source.delete_after_days
    if days is None:
        return
    key, declaration = f"sources.{source.name}.delete_at_source", load(source.provider).declaration
    require(declaration.deletes, key, f"must not be set: {declaration.title} has no way to delete a recording")
    sealed = source.reconcile + UNTIL_SEALED
    require(
        timedelta(days=days) >= sealed,
        f"{key}.after",
        f"must be at least {-(-sealed // timedelta(days=1))} days: a day is sealed once it has left the "
        f"{source.reconcile // timedelta(days=1)} days of reconcile, and nothing goes before",
    )
    _check_term(key, days, source.term_days(archive), declaration.retention, declaration.title)
    for other in others:
        require(
            other.secret != source.delete_secret,
            f"sources.{source.name}.delete_secret",
            f"must not be the secret of sources.{other.name}, whose functions would then be able to delete",
        )


def _check_term(key: str, days: int, term: int | None, retention: timedelta | None, title: str) -> None:
    if term is None:
        return
    require(days < term, f"{key}.after", f"must be shorter than the {term} days after which recordings expire")
    kept = retention.days if retention else 0
    require(
        term >= kept,
        key,
        f"must not be set where recordings expire after {term} days: {title} itself keeps them for {kept} days, "
        "so they would be gone earlier than without an archive",
    )


def require_safe_archive(archive: Archive, source: Source) -> None:
    """Raises Misconfigured where nothing would forbid to delete, afterwards, the only copy that is left."""
    if source.delete_after_days is None:
        return
    key = f"sources.{source.name}.delete_at_source"
    require(
        archive.bucket is None,
        key,
        "cannot be set with a bucket of your own: only of the archive's own bucket it is known before a deployment "
        "that it keeps versions and denies deletions",
    )
    require(
        archive.object_lock,
        key,
        'needs object_lock = "governance" or "compliance" in [archive]: without a lock the only copy could be deleted',
    )
