"""Every mistake about a source is one sentence that names the file, the key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.archiver.settings.toml_file import read
from tests.harness.toml_files import SOURCE, complaint, written

pytestmark = pytest.mark.usefixtures("providers_of_its_own")


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
