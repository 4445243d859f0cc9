"""Every mistake in a deployment file is one sentence that names the file, the key and what is allowed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions import providers
from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Source, Tier
from functions.archiver.settings.toml_file import read

ARCHIVE = 'name = "recordings"'
SOURCE = 'provider = "sample"\nbase_url = "https://acme.example.com"\nsecret = "recordings/acme"'
HEAD = """
from datetime import timedelta
from functions.archiver.provider.provider import Provider
from functions.archiver.provider.declaration import Declaration, Option
"""
SAMPLE = """
class Sample(Provider):
    declaration = Declaration(
        title="Sample", default_base_url="https://api.example.com", secret_fields=(("key",),),
        rate_default=17, parallel_default=3, overlap_minimum=timedelta(hours=36), webhook=("secret",),
        options=(
            Option(name="format", help="audio format", choices=("wav", "mp3"), default="wav"),
            Option(name="account", help="its id", pattern="[0-9a-f]{4}"),
            Option(name="depth", help="how deep", kind="integer"),
            Option(name="detail", help="more of it", kind="boolean"),
            Option(name="users", help="whose", kind="texts", pattern="[a-z]+", choices=("ann", "bob")),
            Option(name="lists", help="what to list", kind="tables", fields=("type", "id")),
            Option(name="media_url", help="its audio", kind="origin", purpose="media"),
        ),
    )
"""
STRICT = """
class Strict(Provider):
    declaration = Declaration(
        title="Strict", secret_fields=(("key",),), rate_default=1, parallel_default=1,
        overlap_minimum=timedelta(hours=1), options=(Option(name="account", help="its id", required=True),),
    )
"""
ELSEWHERE = """
class Elsewhere(Provider):
    declaration = Declaration(
        title="Elsewhere", default_base_url="https://api.eu.example.com", secret_fields=(("key",),), rate_default=1,
        parallel_default=1, overlap_minimum=timedelta(hours=1),
        options=(
            Option(name="token_url", help="tokens", kind="origin", purpose="token", default="https://login.{domain}"),
        ),
    )
"""
SIGNING = """
class Signing(Provider):
    declaration = Declaration(
        title="Signing", secret_fields=(("key",),), rate_default=1, parallel_default=1,
        overlap_minimum=timedelta(hours=1), webhook=("signature",),
    )
"""


@pytest.fixture(autouse=True, scope="module")
def providers_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Providers of this test's own, so that no real one's numbers stand in it."""
    folder = tmp_path_factory.mktemp("providers")
    (folder / "sample.py").write_text(HEAD + SAMPLE)
    (folder / "strict.py").write_text(HEAD + STRICT)
    (folder / "signing.py").write_text(HEAD + SIGNING)
    (folder / "elsewhere.py").write_text(HEAD + ELSEWHERE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "__path__", [*providers.__path__, str(folder)])
        yield
        for name in ("sample", "strict", "signing", "elsewhere"):
            sys.modules.pop(f"{providers.__name__}.{name}", None)
            vars(providers).pop(name, None)


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


@pytest.mark.parametrize(
    "name", ["Acme", "acme_uk", '"acme uk"', '"acme/uk"', "-acme", "acme-", "x" * 33, '""', '"two\\nlines"']
)
def test_a_sources_name_has_only_small_letters_digits_and_hyphens(tmp_path: Path, name: str) -> None:
    assert "a source's name must be 1 to 32 of a-z, 0-9 and -" in complaint(written(tmp_path, name=name))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("schedul = 'x'", "schedul: unknown key (did you mean schedule?)"),
        ("requests_per_minute = 0", "requests_per_minute: must be a number from 0.01 to 6000"),
        ("requests_per_minute = -1", "requests_per_minute: must be a number from 0.01"),
        ("requests_per_minute = 6001", "requests_per_minute: must be a number from 0.01 to 6000"),
        ("requests_per_minute = 0.001", "requests_per_minute: must be a number from 0.01"),
        (f"requests_per_minute = {'9' * 400}", "requests_per_minute: must be a number from 0.01"),
        ("requests_per_minute = nan", "requests_per_minute: must be a number from 0.01"),
        ("requests_per_minute = inf", "requests_per_minute: must be a number from 0.01"),
        ("requests_per_minute = true", "requests_per_minute: must be a number"),
        ("requests_per_minute = '30'", "requests_per_minute: must be a number"),
        ("max_parallel_downloads = 0", "max_parallel_downloads: must be a whole number from 1 to 50"),
        ("max_parallel_downloads = 51", "max_parallel_downloads: must be a whole number from 1 to 50"),
        ("max_parallel_downloads = 1.5", "max_parallel_downloads: must be a whole number"),
        ("schedule = 'every day'", "schedule: must be rate(n minutes|hours|days) or a cron"),
        ("schedule = 'rate(1 minutes)'", "schedule: must be rate("),
        ("schedule = 'rate(5 minute)'", "schedule: must be rate("),
        ("schedule = 'cron(* 3 * * ? *)'", "schedule: must name its minute: with * it would fire sixty times an hour"),
        ("schedule = 'cron(*/1 3 * * ? *)'", "schedule: must name its minute"),
        ("schedule = 'cron(0 3 * * * *)'", "schedule: must have ? for either the day of the month or the day of"),
        ("schedule = 'cron(0 3 ? * ? *)'", "schedule: must have ? for either the day of the month or the day of"),
        ("schedule = 'cron(0 3 * * ?)'", "schedule: must be rate("),
        ("schedule = 'cron(60 3 * * ? *)'", "schedule: must be rate("),
        ("schedule = 'cron(0 24 * * ? *)'", "schedule: must be rate("),
        ("schedule = 'cron(0 3 32 * ? *)'", "schedule: must be rate("),
        ("schedule = 'rate(0 minutes)'", "schedule: must be rate("),
        ("schedule = 'rate(1\u0663 minutes)'", "schedule: must be rate("),
        ("start = '2026-01-01'", "start: must be a date and time with a zone, without quotes"),
        ("start = 2026-01-01T00:00:00", "start: must be a date and time with a zone"),
        ("start = 2026-01-01", "start: must be a date and time with a zone"),
        ("start = 1999-12-31T23:59:59Z", "start: must be in the years 2000 to 2100"),
        ("start = 0001-01-01T00:00:00+23:00", "start: must be in the years 2000 to 2100"),
        ("start = 9999-12-31T23:59:59-23:00", "start: must be in the years 2000 to 2100"),
        ("overlap = '1 hour'", "overlap: must be at least 1.5 days: Sample lists that late"),
        ("overlap = '367 days'", "overlap: must be at most 366 days"),
        ("overlap = 'a day'", "overlap: must be a duration: a number and minutes, hours, days or weeks"),
        ("reconcile = '1 hour'", "reconcile: must be from 1 day to 366 days"),
        ("reconcile = '400 days'", "reconcile: must be from 1 day to 366 days"),
        ("webhook = 'yes'", "webhook: must be true or false"),
        ("webhook_unverified = true", "webhook: must be true where webhook_unverified"),
        ("webhook_url = 'https://hooks.example.com/webhooks/a'", "webhook: must be true where webhook_unverified"),
        ("webhook = true\nwebhook_url = 'hooks.example.com'", "webhook_url: must begin with https://"),
        ("webhook = true\nwebhook_url = 'https://hooks.example.com/?a=b'", "webhook_url: must have no user, query"),
        ("webhook_quiet_after = '1 day'", "webhook: must be true where webhook_unverified, webhook_quiet_after"),
        ("webhook = true\nwebhook_quiet_after = '8 days'", "webhook_quiet_after: must be at most 7 days"),
        ("allow_private_addresses = 1", "allow_private_addresses: must be true or false"),
        ('"two\\nlines" = 1', '"two\\nlines": unknown key'),
        ("options = 3", "options: must be a table"),
        ("options = {fromat = 'mp3'}", "options.fromat: unknown key (did you mean format?)"),
        ("options = {format = 'ogg'}", "options.format: must be one of wav, mp3 (audio format)"),
        ("options = {format = 3}", "options.format: must be a text"),
        ("options = {account = '../x'}", "options.account: must match [0-9a-f]{4} (its id)"),
        ("options = {media_url = 'media.example.com'}", "options.media_url: must be https:// and a host"),
        ("options = {media_url = 'http://media.example.com'}", "options.media_url: must be https:// and a host"),
        ("options = {media_url = 'https://media.example.com/v1'}", "options.media_url: must be https:// and a host"),
        ("options = {media_url = 'https://me@media.example.com'}", "options.media_url: must be https:// and a host"),
        ("options = {media_url = 'https://media.example.com:99999'}", "options.media_url: must be https:// and a host"),
        ("options = {media_url = 'https://'}", "options.media_url: must be https:// and a host"),
        ("options = {depth = '3'}", "options.depth: must be a whole number"),
        ("options = {depth = true}", "options.depth: must be a whole number"),
        ("options = {detail = 1}", "options.detail: must be true or false"),
        ("options = {users = 'ann'}", "options.users: must be an array of texts"),
        ("options = {users = ['ann', 'eve']}", "options.users: must be one of ann, bob (whose)"),
    ],
)
def test_a_mistake_about_a_source(tmp_path: Path, line: str, says: str) -> None:
    text = complaint(written(tmp_path, source=f"{SOURCE}\n{line}"))
    assert f": sources.acme-uk.{says}" in text


@pytest.mark.parametrize(
    ("provider", "lines", "says"),
    [
        ("strict", "webhook = true\noptions = {account = 'a'}", "webhook: must not be true: Strict sends no events"),
        ("signing", "webhook = true\nwebhook_unverified = true", "webhook_unverified: must not be true: Signing signs"),
    ],
)
def test_webhooks_that_the_provider_does_not_send(tmp_path: Path, provider: str, lines: str, says: str) -> None:
    source = SOURCE.replace('"sample"', f'"{provider}"')
    assert f": sources.acme-uk.{says}" in complaint(written(tmp_path, source=f"{source}\n{lines}"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('provider = "sample"', "", "provider: is missing"),
        ('"sample"', "3", "provider: must be a text in quotes"),
        ('secret = "recordings/acme"', "", "secret: is missing"),
        ('secret = "recordings/acme"', 'secret = "a b"', "secret: must be a name in Secrets Manager"),
        ('secret = "recordings/acme"', 'secret = ""', "secret: must be a text in quotes, and not an empty one"),
        ('"sample"', '"sampel"', "provider: unknown provider 'sampel': allowed are "),
        ("https://acme", "http://acme", "base_url: must begin with https://"),
        ("https://acme", "acme", "base_url: must begin with https://"),
        ("https://acme", "https://user:word@acme", "base_url: must have no user, query or fragment"),
        ("https://acme", "https://@acme", "base_url: must have no user, query or fragment"),
        (".com", ".com/?x=1", "base_url: must have no user, query or fragment"),
        (".com", ".com#", "base_url: must have no user, query or fragment"),
        ("https://acme.example.com", "https://", "base_url: must be a host, then a port and a path"),
        (".com", ".com:99999", "base_url: must be a host, then a port and a path"),
        (".com", ".com:port", "base_url: must be a host, then a port and a path"),
        (".com", ".com/a b", "base_url: must be a host, then a port and a path"),
        (".com", ".c\\nom", "base_url: must be a host, then a port and a path"),
        ("acme.example.com", "[::1", "base_url: must be a host, then a port and a path"),
        ("acme.example.com", "[1::2::3]", "base_url: must be a host, then a port and a path"),
    ],
)
def test_a_mistake_about_who_to_ask(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert f": sources.acme-uk.{says}" in complaint(written(tmp_path, source=SOURCE.replace(old, new)))


@pytest.mark.parametrize("url", ["https://acme.example.com/v1/", "https://acme:8443", "https://[fd00::1]:8443/api"])
def test_a_base_url_may_have_a_port_and_a_path(tmp_path: Path, url: str) -> None:
    assert read(written(tmp_path, source=SOURCE.replace("https://acme.example.com", url))).sources[0].base_url == url


def test_a_self_hosted_provider_may_speak_plain_http(tmp_path: Path) -> None:
    source = SOURCE.replace("https", "http") + "\nallow_private_addresses = true"
    assert read(written(tmp_path, source=source)).sources[0].base_url == "http://acme.example.com"


@pytest.mark.parametrize(
    "schedule",
    [
        "rate(1 hour)",
        "rate(90 minutes)",
        "cron(*/5 * * * ? *)",
        "cron(0,30 8-18/2 ? JAN-MAR MON-FRI 2026)",
        "cron(0 3 L * ? *)",
        "cron(0 3 15W * ? *)",
        "cron(0 3 ? * 6#1 *)",
    ],
)
def test_a_schedule_may_be_all_that_the_scheduler_takes(tmp_path: Path, schedule: str) -> None:
    assert read(written(tmp_path, source=f"{SOURCE}\nschedule = '{schedule}'")).sources[0].schedule == schedule


def test_a_further_origin_follows_the_region_of_base_url_unless_it_is_given(tmp_path: Path) -> None:
    source = 'provider = "elsewhere"\nsecret = "s"'
    default = read(written(tmp_path, source=source)).sources[0]
    assert default.options == {"token_url": "https://login.eu.example.com"}
    given_one = read(written(tmp_path, source=f"{source}\noptions = {{token_url = 'https://sso.example.com'}}"))
    assert given_one.sources[0].options == {"token_url": "https://sso.example.com"}


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_a_provider_at_an_address_has_its_further_origins_there_as_well(tmp_path: Path, base_url: str) -> None:
    source = f'provider = "elsewhere"\nsecret = "x"\nbase_url = "{base_url}"\nallow_private_addresses = true'
    assert read(written(tmp_path, source=source)).sources[0].options == {"token_url": base_url}


def test_a_further_origin_may_be_plain_http_where_private_addresses_are_allowed(tmp_path: Path) -> None:
    source = f"{SOURCE}\nallow_private_addresses = true\noptions = {{media_url = 'http://127.0.0.1:8000'}}"
    assert read(written(tmp_path, source=source)).sources[0].options["media_url"] == "http://127.0.0.1:8000"


def test_options_are_read_by_their_kind(tmp_path: Path) -> None:
    options = (
        "{format = 'mp3', account = '00ff', depth = 3, detail = true, users = ['bob'], lists = [{type = 'a', id = 1}]}"
    )
    found = read(written(tmp_path, source=f"{SOURCE}\noptions = {options}")).sources[0].options
    assert found == {
        "format": "mp3",
        "account": "00ff",
        "depth": 3,
        "detail": True,
        "users": ["bob"],
        "lists": [{"type": "a", "id": 1}],
    }


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ("3", "lists: must be an array of tables with type, id"),
        ("[3]", "lists: must be a table"),
        ("[{type = 'queue'}]", "lists.id: is missing or neither text nor whole number"),
        ("[{type = 'queue', id = true}]", "lists.id: is missing or neither text nor whole number"),
        ("[{type = 'queue', id = 1, more = 2}]", "lists.more: unknown key"),
    ],
)
def test_an_option_of_tables_is_checked_field_by_field(tmp_path: Path, lists: str, says: str) -> None:
    source = f"{SOURCE}\n[sources.acme-uk.options]\nlists = {lists}"
    assert f": sources.acme-uk.options.{says}" in complaint(written(tmp_path, source=source))


def test_what_a_provider_requires_is_asked_for(tmp_path: Path) -> None:
    source = 'provider = "strict"\nsecret = "s"'
    assert ": sources.acme-uk.base_url: is missing" in complaint(written(tmp_path, source=source))
    source += '\nbase_url = "https://strict.example.com"'
    assert ": sources.acme-uk.options.account: is missing (its id)" in complaint(written(tmp_path, source=source))
    source += "\noptions = {account = 'x'}"
    assert read(written(tmp_path, source=source)).sources[0].options == {"account": "x"}


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
        ("archive = 3\n[sources.x]", "archive: must be a table"),
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
