"""Every mistake in a deployment file is one sentence that names the file, the key and what is allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.archiver.deployment import read
from functions.archiver.errors import Misconfigured
from functions.archiver.settings import Source, Tier

ARCHIVE = 'name = "recordings"'
SOURCE = 'provider = "babelforce"\nbase_url = "https://acme.babelforce.com"\nsecret = "recordings/acme"'


def written(
    tmp_path: Path, *, archive: str = ARCHIVE, source: str = SOURCE, name: str = "acme-uk", more: str = ""
) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(f"[archive]\n{archive}\n{more}\n[sources.{name}]\n{source}\n", encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_the_example_is_read_whole() -> None:
    deployment = read(Path("deployments/example.toml"))
    assert deployment.archive.expire_after_days == 2555
    assert deployment.sources[0].start == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_left_out_comes_from_the_provider(tmp_path: Path) -> None:
    source = read(written(tmp_path)).sources[0]
    assert source == Source(
        name="acme-uk",
        provider="babelforce",
        base_url="https://acme.babelforce.com",
        secret="recordings/acme",
        requests_per_minute=30,
        max_parallel_downloads=1,
        overlap=timedelta(hours=24),
    )


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
        ("expire_after = 30", "archive.expire_after: must be a duration"),
        ("expire_after = '0 days'", "archive.expire_after: must be a duration"),
        ("expire_after = '30 fortnights'", "archive.expire_after: must be a duration"),
        ("expire_after = '36 hours'", "archive.expire_after: must be whole days"),
        ("expire_after = '99999 days'", "archive.expire_after: must be from 1 day to 36500 days"),
        ("storage = 'FREEZER'", 'archive.storage: must be "auto" or one of STANDARD'),
        ("bucket = 'No_Bucket'", "archive.bucket: must be the name of an S3 bucket"),
        ("bucket = 'mine'\nexpire_after = '30 days'", "archive.expire_after: cannot be set for a bucket of your own"),
        ("kms_key = 'alias/mine'", "archive.kms_key: must be an ARN"),
        ("permissions_boundary = 'boundary'", "archive.permissions_boundary: must be an ARN"),
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
        ([("20 days", "STANDARD_IA")], "archive.tiers.after: must be at least 30 days for STANDARD_IA"),
        ([("30 days", "COLD")], "archive.tiers.storage_class: must be one of STANDARD"),
        ([("90 days", "GLACIER_IR"), ("60 days", "DEEP_ARCHIVE")], "must come later than the tier before it"),
        ([("60 days", "DEEP_ARCHIVE"), ("90 days", "GLACIER_IR")], "must be colder than DEEP_ARCHIVE"),
        ([("30 days", "STANDARD")], "must be colder than STANDARD"),
        ([("300 days", "DEEP_ARCHIVE")], "300 + 180 is more than 400 days"),
    ],
)
def test_a_tier_that_would_cost_more_than_it_saves(tmp_path: Path, tiers: list[tuple[str, str]], says: str) -> None:
    more = "".join(f'[[archive.tiers]]\nafter = "{after}"\nstorage_class = "{name}"\n' for after, name in tiers)
    assert says in complaint(written(tmp_path, archive=f'{ARCHIVE}\nexpire_after = "400 days"', more=more))


@pytest.mark.parametrize("field", ["min_bytes = -1", "min_bytes = 2_000_000_000_000"])
def test_a_tiers_size_is_a_size(tmp_path: Path, field: str) -> None:
    more = f'[[archive.tiers]]\nafter = "90 days"\nstorage_class = "GLACIER_IR"\n{field}'
    assert "archive.tiers.min_bytes: must be a number of bytes" in complaint(written(tmp_path, more=more))


def test_tiers_are_refused_for_a_bucket_of_ones_own(tmp_path: Path) -> None:
    more = '[[archive.tiers]]\nafter = "90 days"\nstorage_class = "GLACIER_IR"'
    text = complaint(written(tmp_path, archive=f"{ARCHIVE}\nbucket = 'mine'", more=more))
    assert "archive.tiers: cannot be set for a bucket of your own" in text


@pytest.mark.parametrize("name", ["Acme", "acme_uk", '"acme uk"', '"acme/uk"', "-acme", "acme-", "x" * 33, '""'])
def test_a_sources_name_has_only_small_letters_digits_and_hyphens(tmp_path: Path, name: str) -> None:
    assert "a source's name must be 1 to 32 of a-z, 0-9 and -" in complaint(written(tmp_path, name=name))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("schedul = 'x'", "schedul: unknown key (did you mean schedule?)"),
        ("requests_per_minute = 0", "requests_per_minute: must be a number above 0 and at most 6000"),
        ("requests_per_minute = -1", "requests_per_minute: must be a number above 0"),
        ("requests_per_minute = 6001", "requests_per_minute: must be a number above 0 and at most 6000"),
        ("requests_per_minute = nan", "requests_per_minute: must be a number above 0"),
        ("requests_per_minute = inf", "requests_per_minute: must be a number above 0"),
        ("requests_per_minute = true", "requests_per_minute: must be a number"),
        ("requests_per_minute = '30'", "requests_per_minute: must be a number"),
        ("max_parallel_downloads = 0", "max_parallel_downloads: must be a whole number from 1 to 50"),
        ("max_parallel_downloads = 51", "max_parallel_downloads: must be a whole number from 1 to 50"),
        ("max_parallel_downloads = 1.5", "max_parallel_downloads: must be a whole number"),
        ("schedule = 'every day'", "schedule: must be rate(n minutes|hours|days) or a cron"),
        ("schedule = 'rate(1 minutes)'", "schedule: must be rate("),
        ("schedule = 'rate(5 minute)'", "schedule: must be rate("),
        ("schedule = 'cron(* 3 * * ? *)'", "schedule: must name its minute: with * it would fire sixty times an hour"),
        ("start = '2026-01-01'", "start: must be a date and time with a zone, without quotes"),
        ("start = 2026-01-01T00:00:00", "start: must be a date and time with a zone"),
        ("start = 2026-01-01", "start: must be a date and time with a zone"),
        ("overlap = '1 hour'", "overlap: must be at least 24 hours: babelforce lists that late"),
        ("overlap = 'a day'", "overlap: must be a duration: a number and minutes, hours, days or weeks"),
        ("reconcile = '1 hour'", "reconcile: must be from 1 day to 366 days"),
        ("reconcile = '400 days'", "reconcile: must be from 1 day to 366 days"),
        ("webhook = 'yes'", "webhook: must be true or false"),
        ("webhook_unverified = true", "webhook: must be true where webhook_unverified"),
        ("options = 3", "options: must be a table"),
        ("options = {colour = 'red'}", "options.colour: unknown key"),
    ],
)
def test_a_mistake_about_a_source(tmp_path: Path, line: str, says: str) -> None:
    text = complaint(written(tmp_path, source=f"{SOURCE}\n{line}"))
    assert f": sources.acme-uk.{says}" in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('provider = "babelforce"', "", "provider: is missing"),
        ('secret = "recordings/acme"', "", "secret: is missing"),
        ('secret = "recordings/acme"', 'secret = "a b"', "secret: must be a name in Secrets Manager"),
        ('provider = "babelforce"', 'provider = "bablforce"', "provider: unknown provider 'bablforce': allowed are "),
        ("https://acme", "http://acme", "base_url: must begin with https://"),
        ("https://acme", "acme", "base_url: must begin with https://"),
        ("https://acme", "https://user:word@acme", "base_url: must have no user, query or fragment"),
        (".com", ".com/?x=1", "base_url: must have no user, query or fragment"),
    ],
)
def test_a_mistake_about_who_to_ask(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert f": sources.acme-uk.{says}" in complaint(written(tmp_path, source=SOURCE.replace(old, new)))


def test_a_self_hosted_provider_may_speak_plain_http(tmp_path: Path) -> None:
    source = SOURCE.replace("https", "http") + "\nallow_private_addresses = true"
    assert read(written(tmp_path, source=source)).sources[0].base_url == "http://acme.babelforce.com"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", "account_id: is missing"),
        ("account_id = 3", "account_id: must be a text"),
        ('account_id = "../../accounts"', "account_id: must match"),
    ],
)
def test_a_mistake_about_an_option(tmp_path: Path, options: str, says: str) -> None:
    source = f'provider = "kazoo"\nbase_url = "https://k.example"\nsecret = "k"\n[sources.acme-uk.options]\n{options}'
    assert f": sources.acme-uk.options.{says}" in complaint(written(tmp_path, source=source))


@pytest.mark.parametrize("lists", ["3", "[3]", "[{type = 'queue'}]", "[{type = 'queue', id = 1, more = 2}]"])
def test_an_option_of_tables_is_checked_field_by_field(tmp_path: Path, lists: str) -> None:
    source = f'provider = "dialogtech"\nsecret = "d"\n[sources.acme-uk.options]\nlists = {lists}'
    assert ": sources.acme-uk.options.lists" in complaint(written(tmp_path, source=source))


def test_a_provider_without_a_host_of_its_own_needs_one(tmp_path: Path) -> None:
    source = 'provider = "kazoo"\nsecret = "k"\n[sources.acme-uk.options]\naccount_id = "x"'
    assert "base_url: is missing" in complaint(written(tmp_path, source=source))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[archive", "is not valid TOML"),
        ("[archive]\nname = 'x'", "sources: must be a table"),
        ("[archive]\nname = 'x'\n[sources]", "sources: must hold at least one source"),
        ("[sources.x]\nprovider = 'babelforce'", "archive: must be a table"),
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
