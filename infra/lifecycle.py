"""The bucket's lifecycle rules: everything that S3 does by itself.

Terms are rules by prefix, for tags would cost. Of overlapping rules the shorter term wins, so as soon as one source has
a term of its own, no rule without a source's prefix expires anything. What proves something (seals, holds, erasures,
accesses) falls under no source's term.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment, Tier
from functions.archiver.settings.events import FAILED, FAILED_KEPT_DAYS

EXPIRING = ("audio", "metadata", "transcripts", "quarantine", "reports")
"""A source's folders. They expire together."""

ABORT_UPLOADS_AFTER_DAYS = 1

OLD_VERSIONS_KEPT_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""

EXPIRED_KEPT_DAYS = 7
"""The same for what has expired, which must also be gone."""

SHORT_LIVED = {"events-failed": FAILED_KEPT_DAYS, FAILED: FAILED_KEPT_DAYS, "doctor": 1}
"""Folders for what nobody needs for long, in days."""

MAX_RULES = 900
"""S3 takes 1,000 in a bucket; the rest is left for what comes."""

FOR_YOUR_BUCKET = (
    "Lifecycle rules that this stack cannot set on a bucket it does not own; set them yourself: "
    f"abort incomplete multipart uploads after {ABORT_UPLOADS_AFTER_DAYS} day, "
    f"expire noncurrent versions after {OLD_VERSIONS_KEPT_DAYS} days, "
    + ", ".join(f"expire {folder}/ after {days} days" for folder, days in SHORT_LIVED.items())
)


def rules(deployment: Deployment) -> list[s3.LifecycleRule]:
    """The rules of the deployment's bucket. Raises Misconfigured when S3 would not take as many."""
    found = [
        *map(_tier, deployment.archive.tiers),
        *_terms(deployment),
        *(
            _expire(f"{folder.replace('/', '-')}-goes", f"{folder}/", days, kept_days=1)
            for folder, days in SHORT_LIVED.items()
        ),
        s3.LifecycleRule(
            id="expire-old-versions",
            expired_object_delete_marker=True,
            noncurrent_version_expiration=Duration.days(OLD_VERSIONS_KEPT_DAYS),
        ),
        # A rule of its own: S3 takes no filter by size or tag together with this action.
        s3.LifecycleRule(
            id="abort-broken-uploads",
            abort_incomplete_multipart_upload_after=Duration.days(ABORT_UPLOADS_AFTER_DAYS),
        ),
    ]
    if len(found) > MAX_RULES:
        raise Misconfigured(
            f"sources: their terms take {len(found)} lifecycle rules, a bucket has room for {MAX_RULES}: as soon as "
            f"one source has an expire_after of its own, each source with a term takes {len(EXPIRING)}; divide them "
            "among two deployment files with two archive names"
        )
    return found


def _terms(deployment: Deployment) -> list[s3.LifecycleRule]:
    archive, sources = deployment.archive, deployment.sources
    if any(source.expire_after_days for source in sources):
        prefixes = {f"source={source.name}/": source.term_days(archive) for source in sources}
    else:
        prefixes = {"": archive.expire_after_days}
    return [
        _expire(f"{folder}-{prefix.strip('/') or 'expires'}", f"{folder}/{prefix}", days, kept_days=EXPIRED_KEPT_DAYS)
        for prefix, days in prefixes.items()
        if days
        for folder in EXPIRING
    ]


def _expire(id_: str, prefix: str, days: int, *, kept_days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=id_,
        prefix=prefix,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(kept_days),
    )


def _tier(tier: Tier) -> s3.LifecycleRule:
    """Tiers move audio only, for the small documents have to stay readable."""
    return s3.LifecycleRule(
        id=f"audio-to-{tier.storage_class.lower().replace('_', '-')}",
        prefix="audio/",
        # S3 compares "greater than"; an explicit size also overrides its own minimum of 128 KB.
        object_size_greater_than=max(tier.min_bytes - 1, 0),
        transitions=[
            s3.Transition(
                storage_class=s3.StorageClass(tier.storage_class), transition_after=Duration.days(tier.after_days)
            )
        ],
    )
