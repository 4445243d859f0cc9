"""What S3 does by itself with the archive's objects, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Source
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import TIERS, Resource, Template, deployed

OWN = ("audio/", "metadata/", "transcripts/", "quarantine/", "reports/")
PROOF = ("seals/", "holds/", "erasures/", "accesses/")


def rules(archive: Template) -> list[Resource]:
    found: list[Resource] = archive.only("AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    return found


def rules_of(*sources: Source, **settings: Any) -> list[Resource]:
    return rules(deployed(a_deployment(*sources, **settings)))


def gone_after(found: list[Resource], key: str) -> int | None:
    """Days until an object of this key expires: of overlapping rules the shorter one wins."""
    days = [
        rule["ExpirationInDays"]
        for rule in found
        if "ExpirationInDays" in rule and key.startswith(rule.get("Prefix", ""))
    ]
    return min(days) if days else None


def test_a_sources_folders_expire_together_and_leave_nothing_behind() -> None:
    found = rules_of(expire_after_days=400)
    for folder in OWN:
        assert gone_after(found, f"{folder}source=acme-uk/date=2026-11-28/1.mp3") == 400
    kept = {rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in found if rule.get("Prefix") in OWN}
    assert kept == {7}


def test_without_a_term_nothing_expires_but_old_versions() -> None:
    found = rules_of()
    for folder in (*OWN, *PROOF):
        assert gone_after(found, f"{folder}source=acme-uk/1") is None
    (old,) = (rule for rule in found if "Prefix" not in rule and "NoncurrentVersionExpiration" in rule)
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert "ExpirationInDays" not in old


def test_what_proves_something_falls_under_no_sources_term() -> None:
    for found in (rules_of(expire_after_days=400), rules_of(a_source(expire_after_days=30))):
        assert not [folder for folder in PROOF if gone_after(found, f"{folder}source=acme-uk/1") is not None]


def test_a_source_with_a_term_of_its_own_changes_nobody_elses() -> None:
    short, usual = a_source("acme-uk", expire_after_days=30), a_source("acme-de")
    found = rules_of(short, usual, expire_after_days=400)
    for folder in OWN:
        assert gone_after(found, f"{folder}source=acme-uk/date=2026-11-28/1") == 30
        assert gone_after(found, f"{folder}source=acme-de/date=2026-11-28/1") == 400
        assert gone_after(found, f"{folder}source=of-an-earlier-file/1") is None


def test_a_longer_term_of_its_own_is_not_cut_short_by_the_archives() -> None:
    found = rules_of(a_source("acme-uk", expire_after_days=4000), a_source("acme-de"), expire_after_days=400)
    assert gone_after(found, "audio/source=acme-uk/1") == 4000


def test_a_source_may_expire_in_an_archive_that_keeps_everything() -> None:
    found = rules_of(a_source("acme-uk", expire_after_days=30), a_source("acme-de"))
    assert gone_after(found, "audio/source=acme-uk/1") == 30
    assert gone_after(found, "audio/source=acme-de/1") is None


def test_a_sources_name_that_begins_like_anothers_does_not_share_its_term() -> None:
    found = rules_of(a_source("acme", expire_after_days=30), a_source("acme-de"))
    assert gone_after(found, "audio/source=acme-de/1") is None


def test_more_terms_than_a_bucket_takes_rules_are_refused_in_a_sentence() -> None:
    sources = [a_source(f"source-{number}", expire_after_days=30 + number) for number in range(180)]
    with pytest.raises(Misconfigured, match=r"^sources: their terms take 905 lifecycle rules") as caught:
        rules_of(*sources)
    assert "\n" not in str(caught.value)


def test_a_term_of_the_whole_archive_takes_few_rules_however_many_sources_there_are() -> None:
    assert len(rules_of(expire_after_days=400)) < 15


@pytest.mark.parametrize(("folder", "days"), [("events-failed/", 30), ("aws/lambda/", 30), ("doctor/", 1)])
def test_what_nobody_needs_for_long_goes_by_itself(folder: str, days: int) -> None:
    assert gone_after(rules_of(), f"{folder}1") == days


def test_a_tier_moves_audio_of_its_size_and_nothing_else() -> None:
    (tier,) = (rule for rule in rules_of(tiers=TIERS) if "Transitions" in rule)
    assert tier["Transitions"] == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 180}]
    assert tier["Prefix"] == "audio/"
    assert int(tier["ObjectSizeGreaterThan"]) == 131072 - 1


def test_what_a_crash_left_of_an_upload_goes_after_a_day_whatever_its_size() -> None:
    (abort,) = (rule for rule in rules_of() if "AbortIncompleteMultipartUpload" in rule)
    # S3 refuses a filter by size or tag in such a rule; no emulator does.
    assert abort.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    assert abort["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_smallest_size_for_a_transition_is_said_and_not_left_to_a_default(archive: Template) -> None:
    lifecycle = archive.only("AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]
    assert lifecycle["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
