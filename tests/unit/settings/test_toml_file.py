"""Every mistake in a deployment file is one sentence that names the file, the key and what is allowed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.archiver.settings.deployment import Source, Tier
from functions.archiver.settings.toml_file import read
from tests.harness.toml_files import ARCHIVE, SOURCE, complaint, written

pytestmark = pytest.mark.usefixtures("providers_of_its_own")


def test_the_example_is_read_whole() -> None:
    deployment = read(Path("deployments/example.toml"))
    assert deployment.archive.expire_after_days == 2555
    assert deployment.sources[0].start == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_left_out_comes_from_the_provider(tmp_path: Path) -> None:
    source = read(written(tmp_path)).sources[0]
    assert source == Source(
        name="acme-uk",
        provider="sample",
        base_url="https://acme.example.com",
        secret="recordings/acme",
        requests_per_minute=17,
        max_parallel_downloads=3,
        overlap=timedelta(hours=36),
        options={"format": "wav"},
    )
    without_host = SOURCE.replace('base_url = "https://acme.example.com"', "")
    assert read(written(tmp_path, source=without_host)).sources[0].base_url == "https://api.example.com"


def test_everything_that_is_given_counts(tmp_path: Path) -> None:
    archive = f"""{ARCHIVE}
        alerts = ["ops@example.com"]
        expire_after = "2555 days"
        storage = "STANDARD_IA"
        kms_key = "arn:aws:kms:eu-central-1:111122223333:key/abc"
        permissions_boundary = "arn:aws:iam::111122223333:policy/boundary" """
    source = f"""{SOURCE}
        schedule = "cron(5 * * * ? *)"
        requests_per_minute = 7.5
        max_parallel_downloads = 3
        start = 2026-01-01T01:00:00+01:00
        overlap = "2 days"
        reconcile = "4 weeks"
        webhook = true
        webhook_unverified = true
        webhook_quiet_after = "90 minutes"
        allow_private_addresses = true"""
    tiers = '[[archive.tiers]]\nafter = "180 days"\nstorage_class = "DEEP_ARCHIVE"\nmin_bytes = 1000'
    deployment = read(written(tmp_path, archive=archive, source=source, more=tiers))
    assert deployment.archive.tiers == (Tier(after_days=180, storage_class="DEEP_ARCHIVE", min_bytes=1000),)
    assert deployment.archive.storage == "STANDARD_IA"
    found = deployment.sources[0]
    assert (found.schedule, found.requests_per_minute, found.max_parallel_downloads) == ("cron(5 * * * ? *)", 7.5, 3)
    assert found.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert (found.overlap, found.reconcile) == (timedelta(days=2), timedelta(days=28))
    assert found.webhook_quiet_after == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nmae = 1", "archive.nmae: unknown key (did you mean name?); allowed are name, alerts"),
        ("alerts = 'ops@example.com'", "archive.alerts: must be an array of texts"),
        ("alerts = ['nobody']", "archive.alerts: must be mail addresses, and 'nobody' is none"),
        ("alerts = ['a@b..c']", "archive.alerts: must be mail addresses, and 'a@b..c' is none"),
        ("alerts = ['a@b.c', 'a@b.c']", "archive.alerts: must name each address once"),
        ("expire_after = 30", "archive.expire_after: must be a duration"),
        ("expire_after = '0 days'", "archive.expire_after: must be a duration"),
        ("expire_after = '30 fortnights'", "archive.expire_after: must be a duration"),
        ("expire_after = '36 hours'", "archive.expire_after: must be whole days"),
        ("expire_after = '99999 days'", "archive.expire_after: must be from 1 day to 36500 days"),
        ("storage = 'FREEZER'", 'archive.storage: must be "auto" or one of STANDARD'),
        ("bucket = 'No_Bucket'", "archive.bucket: must be the name of an S3 bucket"),
        ("bucket = 'a..b'", "archive.bucket: must be the name of an S3 bucket"),
        ("bucket = '192.168.1.1'", "archive.bucket: must be the name of an S3 bucket"),
        ("bucket = 'mine'\nexpire_after = '30 days'", "archive.expire_after: cannot be set for a bucket of your own"),
        ("kms_key = 'alias/mine'", "archive.kms_key: must be an ARN"),
        ("kms_key = 'arn:aws:s3:::mine'", "archive.kms_key: must be an ARN, of a KMS key"),
        ("kms_key = 'arn:aws:iam:eu:111122223333:key/a'", "archive.kms_key: must be an ARN, of a KMS key"),
        ("permissions_boundary = 'boundary'", "archive.permissions_boundary: must be an ARN"),
        ("permissions_boundary = 'arn:aws:s3:::mine'", "archive.permissions_boundary: must be an ARN, of a policy"),
        ("tiers = 3", "archive.tiers: must be written as [[archive.tiers]] tables"),
        ("tiers = [3]", "archive.tiers: must be a table"),
        ("tiers = [{after = '90 days'}]", "archive.tiers.storage_class: is missing"),
        ("tiers = [{afer = '90 days'}]", "archive.tiers.afer: unknown key (did you mean after?)"),
    ],
)
def test_a_mistake_about_the_archive(tmp_path: Path, line: str, says: str) -> None:
    assert says in complaint(written(tmp_path, archive=f"{ARCHIVE}\n{line}"))


@pytest.mark.parametrize("name", ["", "1st", "with space", "x" * 101])
def test_the_archives_name_is_a_stack_name(tmp_path: Path, name: str) -> None:
    text = complaint(written(tmp_path, archive=f'name = "{name}"'))
    assert "archive.name: must be a" in text


def test_a_missing_name_is_named(tmp_path: Path) -> None:
    assert "archive.name: is missing" in complaint(written(tmp_path, archive=""))


@pytest.mark.parametrize(
    ("tiers", "says"),
    [
        ([("20 days", "STANDARD_IA")], "archive.tiers.after: must be from 30 to 36500 days for STANDARD_IA"),
        ([("30 days", "COLD")], "archive.tiers.storage_class: must be one of STANDARD"),
        ([("90 days", "GLACIER_IR"), ("60 days", "DEEP_ARCHIVE")], "must come later than the tier before it"),
        ([("60 days", "DEEP_ARCHIVE"), ("90 days", "GLACIER_IR")], "must be colder than DEEP_ARCHIVE"),
        ([("30 days", "STANDARD")], "must be colder than STANDARD"),
        ([("90 days", "INTELLIGENT_TIERING"), ("120 days", "STANDARD_IA")], "colder than INTELLIGENT_TIERING"),
        ([("30 days", "ONEZONE_IA"), ("90 days", "GLACIER_IR")], "must be GLACIER or DEEP_ARCHIVE after ONEZONE_IA"),
        ([("30 days", "STANDARD_IA"), ("59 days", "GLACIER_IR")], "for STANDARD_IA (30 + 30 is more than 59 days)"),
        ([("300 days", "DEEP_ARCHIVE")], "300 + 180 is more than 400 days"),
        ([("400 days", "INTELLIGENT_TIERING")], "must come before archive.expire_after (400 days)"),
        ([("99999 days", "GLACIER")], "archive.tiers.after: must be from 1 to 36500 days for GLACIER"),
    ],
)
def test_a_tier_that_would_cost_more_than_it_saves(tmp_path: Path, tiers: list[tuple[str, str]], says: str) -> None:
    more = "".join(f'[[archive.tiers]]\nafter = "{after}"\nstorage_class = "{name}"\n' for after, name in tiers)
    assert says in complaint(written(tmp_path, archive=f'{ARCHIVE}\nexpire_after = "400 days"', more=more))


@pytest.mark.parametrize(
    ("storage", "after", "says"),
    [
        ("GLACIER", "90 days", "must be colder than GLACIER, which comes before it"),
        ("STANDARD_IA", "29 days", "for STANDARD_IA (0 + 30 is more than 29 days)"),
    ],
)
def test_a_tier_is_held_against_the_class_that_comes_before_it(
    tmp_path: Path, storage: str, after: str, says: str
) -> None:
    more = f'[[archive.tiers]]\nafter = "{after}"\nstorage_class = "GLACIER_IR"'
    assert says in complaint(written(tmp_path, archive=f"{ARCHIVE}\nstorage = '{storage}'", more=more))


def test_tiers_follow_each_other_down(tmp_path: Path) -> None:
    steps = [
        (30, "STANDARD_IA"),
        (60, "INTELLIGENT_TIERING"),
        (61, "GLACIER_IR"),
        (151, "GLACIER"),
        (241, "DEEP_ARCHIVE"),
    ]
    more = "".join(f'[[archive.tiers]]\nafter = "{days} days"\nstorage_class = "{name}"\n' for days, name in steps)
    tiers = read(written(tmp_path, archive=f'{ARCHIVE}\nexpire_after = "421 days"', more=more)).archive.tiers
    assert [(tier.after_days, tier.storage_class) for tier in tiers] == steps


@pytest.mark.parametrize("field", ["min_bytes = -1", "min_bytes = 2_000_000_000_000"])
def test_a_tiers_size_is_a_size(tmp_path: Path, field: str) -> None:
    more = f'[[archive.tiers]]\nafter = "90 days"\nstorage_class = "GLACIER_IR"\n{field}'
    assert "archive.tiers.min_bytes: must be a number of bytes" in complaint(written(tmp_path, more=more))


def test_tiers_are_refused_for_a_bucket_of_ones_own(tmp_path: Path) -> None:
    more = '[[archive.tiers]]\nafter = "90 days"\nstorage_class = "GLACIER_IR"'
    text = complaint(written(tmp_path, archive=f"{ARCHIVE}\nbucket = 'mine'", more=more))
    assert "archive.tiers: cannot be set for a bucket of your own" in text


@given(
    days=some.integers(1, 366),
    unit=some.sampled_from([("minute", 1440), ("hour", 24), ("day", 1)]),
    plural=some.sampled_from(["", "s"]),
)
def test_a_duration_is_a_number_and_a_unit(
    tmp_path_factory: pytest.TempPathFactory, days: int, unit: tuple[str, int], plural: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    line = f"reconcile = '{days * unit[1]} {unit[0]}{plural}'"
    assert read(written(folder, source=f"{SOURCE}\n{line}")).sources[0].reconcile == timedelta(days=days)


@given(
    number=some.sampled_from(["", "0", "-1", "+1", "1.5", "1e3", "01", "1_0", "1000000", "1\u0663"]) | some.none(),
    space=some.sampled_from(["", "  ", "\t", "\u00a0"]) | some.none(),
    unit=some.sampled_from(["", "d", "Days", "dayss", "month", "years", "days "]) | some.none(),
)
def test_nothing_else_is_a_duration(
    tmp_path_factory: pytest.TempPathFactory, number: str | None, space: str | None, unit: str | None
) -> None:
    chosen = [good if bad is None else bad for bad, good in ((number, "7"), (space, " "), (unit, "days"))]
    path = written(tmp_path_factory.getbasetemp(), source=f"{SOURCE}\nreconcile = {json.dumps(''.join(chosen))}")
    if (number, space, unit) == (None, None, None):
        assert read(path).sources[0].reconcile == timedelta(days=7)
    else:
        assert "reconcile: must be a duration: a number and minutes, hours, days or weeks" in complaint(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[archive]\nname = \n", "is not valid TOML: Invalid value (at line 2"),
        (f"a = {'[' * 5000}", "is not a deployment file: its values are nested too deep"),
        ("", "archive: is missing: there must be a table [archive]"),
        ("archive = 3\n[sources.x]", "archive: must be a table, written as [archive]"),
        ("[archive]\nname = 'x'\n[[sources]]\nname = 'x'", "sources: must be a table, written as [sources.acme-uk]"),
        ("[archive]\nname = 'x'", "sources: is missing: there must be a table [sources.acme-uk]"),
        ("[archive]\nname = 'x'\n[sources]\nx = 3", "sources.x: must be a table"),
        ("[archive]\nname = 'x'\n[sources]", "sources: must hold at least one source"),
        ("[sources.x]\nprovider = 'sample'", "archive: is missing"),
        ("[archive]\nname = 'x'\n[source.x]", "source: unknown key (did you mean sources?)"),
    ],
)
def test_a_file_of_another_shape(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert says in complaint(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in complaint(tmp_path / "none.toml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe[archive]")
    assert "is not UTF-8 text" in complaint(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path).archive.name == "recordings"
