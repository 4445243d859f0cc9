"""What infra writes into a function's environment is what the function reads from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Archive, Deployment, Source, Tier
from functions.archiver.settings.environment import Settings

TEXTS = some.text(max_size=30)
SPANS = some.integers(1, 365 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
SOURCES = some.builds(
    Source,
    name=some.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True),
    provider=TEXTS,
    base_url=some.just("https://example.com/prefix"),
    secret=some.from_regex(r"[A-Za-z0-9/_+=.@-]{1,50}", fullmatch=True),
    schedule=some.sampled_from(["rate(1 minute)", "rate(5 minutes)", "cron(0 3 * * ? *)"]),
    requests_per_minute=some.floats(0.01, 6000),
    max_parallel_downloads=some.integers(1, 50),
    start=some.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC)),
    overlap=SPANS,
    reconcile=some.integers(1, 366).map(lambda days: timedelta(days=days)),
    webhook=some.just(True),
    webhook_unverified=some.booleans(),
    webhook_quiet_after=some.none() | SPANS.filter(lambda span: span <= timedelta(days=7)),
    webhook_url=some.none() | some.just("https://hooks.example.com/webhooks/acme"),
    expire_after_days=some.none() | some.integers(1, 36500),
    allow_private_addresses=some.booleans(),
    options=some.dictionaries(TEXTS, TEXTS | some.integers() | some.booleans() | some.lists(TEXTS)),
)
ARCHIVES = some.builds(
    Archive,
    name=some.just("recordings"),
    alerts=some.just(("ops@example.com",)),
    expire_after_days=some.none() | some.integers(1000, 36500),
    storage=some.sampled_from(["auto", "STANDARD"]),
    tiers=some.just((Tier(after_days=90, storage_class="GLACIER_IR", min_bytes=7),)) | some.just(()),
    urgent=some.just(("night@example.com",)) | some.just(()),
    access_policies=some.booleans(),
    object_lock=some.none() | some.just("governance"),
    timezone=some.sampled_from(["UTC", "Europe/Berlin"]),
    kms_key=some.none() | some.just("arn:aws:kms:eu-central-1:111122223333:key/abc"),
)


@given(archive=ARCHIVES, source=SOURCES, bucket=TEXTS.filter(bool), queue=some.none() | TEXTS)
def test_settings_survive_the_environment(archive: Archive, source: Source, bucket: str, queue: str | None) -> None:
    settings = Settings(bucket=bucket, table=bucket, queue_url=queue, archive=archive, source=source)
    environment = settings.to_env()
    assert all(isinstance(value, str) for value in environment.values())
    assert Settings.from_env(environment) == settings


def source(name: str = "acme", **changes: Any) -> Source:
    facts: dict[str, Any] = {
        "name": name,
        "provider": "sample",
        "base_url": "https://example.com",
        "secret": "s",
        "requests_per_minute": 30,
        "max_parallel_downloads": 1,
        "overlap": timedelta(days=1),
    }
    return Source(**facts | changes)


def environment() -> dict[str, str]:
    return Settings(bucket="b", table="t", queue_url="q", archive=Archive(name="r"), source=source()).to_env()


@pytest.mark.parametrize("name", ["BUCKET", "TABLE", "ARCHIVE", "SOURCE"])
def test_a_missing_variable_is_named(name: str) -> None:
    broken = {key: value for key, value in environment().items() if key != name}
    with pytest.raises(Misconfigured, match=f"the variable {name}: is missing"):
        Settings.from_env(broken)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "3", '{"title": "x"}'])
@pytest.mark.parametrize("name", ["ARCHIVE", "SOURCE"])
def test_a_broken_variable_is_named(name: str, text: str) -> None:
    with pytest.raises(Misconfigured, match=f"the variable {name}: is not as a deployment writes it"):
        Settings.from_env({**environment(), name: text})


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("overlap", 1e300, "is not as a deployment writes it (OverflowError)"),
        ("unheard", 1, "is not as a deployment writes it (TypeError)"),
        ("requests_per_minute", 0, "sources.acme.requests_per_minute: must be a number"),
    ],
)
def test_a_variable_with_one_wrong_value_is_named(field: str, value: float, says: str) -> None:
    broken = json.loads(environment()["SOURCE"]) | {field: value}
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env({**environment(), "SOURCE": json.dumps(broken)})
    assert f"the variable SOURCE: {says}" in str(caught.value)


def test_tokens_stay_outside_of_json_where_nothing_could_resolve_them() -> None:
    token = "${Token[Bucket.12]}"
    settings = Settings(bucket=token, table=token, queue_url=token, archive=Archive(name="r"), source=source())
    found = settings.to_env()
    assert [found["BUCKET"], found["TABLE"], found["QUEUE_URL"]] == [token] * 3
    assert token not in found["ARCHIVE"] + found["SOURCE"]


def test_a_deployment_built_in_code_is_held_to_the_same_rules() -> None:
    with pytest.raises(Misconfigured, match=r"sources\.Acme: a source's name must be"):
        source("Acme")
    with pytest.raises(Misconfigured, match="sources: must hold at least one source"):
        Deployment(archive=Archive(name="r"), sources=())
    with pytest.raises(Misconfigured, match="sources: must have names that differ"):
        Deployment(archive=Archive(name="r"), sources=(source(), source()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_parallel_downloads", True),
        ("max_parallel_downloads", 1.5),
        ("requests_per_minute", True),
        ("requests_per_minute", "30"),
        ("start", datetime(2026, 1, 1)),
        ("overlap", timedelta(0)),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_in_code_too(field: str, value: Any) -> None:
    with pytest.raises(Misconfigured, match=rf"sources\.acme\.{field}: must"):
        source(**{field: value})


def test_an_alarm_looks_back_a_week_at_most() -> None:
    assert source(webhook=True, webhook_quiet_after=timedelta(days=7)).webhook
    for span in (timedelta(days=8), timedelta(0)):
        with pytest.raises(Misconfigured, match=r"sources\.acme\.webhook_quiet_after: must be at most 7 days"):
            source(webhook=True, webhook_quiet_after=span)


def test_what_is_left_at_its_default_takes_no_room() -> None:
    found = environment()
    assert json.loads(found["ARCHIVE"]) == {"name": "r"}
    assert json.loads(found["SOURCE"]).keys() == {
        "name",
        "provider",
        "base_url",
        "secret",
        "requests_per_minute",
        "max_parallel_downloads",
        "overlap",
    }


@pytest.mark.parametrize(("own", "archives", "term"), [(None, None, None), (None, 9, 9), (7, 9, 7), (7, None, 7)])
def test_a_sources_own_term_goes_before_the_archives(own: int | None, archives: int | None, term: int | None) -> None:
    settings = Settings(
        bucket="b",
        table="t",
        archive=Archive(name="r", expire_after_days=archives),
        source=source(expire_after_days=own),
    )
    assert settings.expire_after_days == term
