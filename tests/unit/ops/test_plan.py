"""What `recordings plan` reckons, and the prices that it reckons with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.settings.storage_classes import SHORTEST_STAY_DAYS, cost_dollars
from ops.__main__ import main
from ops.plan.plan import Load, plan
from ops.plan.prices import DAYS_A_MONTH, prices
from tests.doubles.http_server import HttpServer, Reply
from tests.harness.schemas import checked

US = prices("us-east-1")
LOAD = Load(
    calls_per_day=1000,
    bytes_each=350_000,
    requests_per_minute=30,
    listings_per_day=288,
    page_size=100,
    history=timedelta(days=30),
    retention=timedelta(days=30),
    kept_days=None,
)


def test_a_pace_with_room_catches_up_and_loses_nothing() -> None:
    result = plan(LOAD, US)
    assert (result.backlog, result.lost, result.requests_allowed_per_day) == (30_000, 0, 43_200)
    assert result.requests_needed_per_day == 1000 * 2.01 + 288
    assert result.catches_up_in_days == pytest.approx(30_000 * 2.01 / (43_200 - 2298))


def test_a_pace_below_today_s_calls_never_catches_up_and_loses_the_whole_history() -> None:
    result = plan(replace(LOAD, requests_per_minute=1), US)
    assert (result.catches_up_in_days, result.lost) == (None, 30_000)


def test_a_pace_that_clears_less_than_a_day_s_recordings_each_day_loses_the_difference() -> None:
    needed = plan(LOAD, US).requests_needed_per_day
    half_a_day_each_day = (needed + 500 * 2.01) / 1440
    result = plan(replace(LOAD, requests_per_minute=half_a_day_each_day), US)
    assert result.lost == pytest.approx(30_000 - 500 * 30)
    assert plan(replace(LOAD, requests_per_minute=half_a_day_each_day, retention=None), US).lost == 0


@given(rate=st.floats(0.1, 600), more=st.floats(1, 10), calls=st.floats(1, 1e6), days=st.integers(1, 400))
def test_a_faster_pace_never_loses_more(rate: float, more: float, calls: float, days: int) -> None:
    slow = replace(LOAD, requests_per_minute=rate, calls_per_day=calls, history=timedelta(days=days))
    before, after = plan(slow, US), plan(replace(slow, requests_per_minute=rate * more), US)
    assert 0 <= after.lost <= before.lost + 1e-6


def test_storage_is_billed_by_what_is_kept_and_small_files_as_larger_ones() -> None:
    for_ever, for_a_year = plan(LOAD, US), plan(replace(LOAD, kept_days=365), US)
    assert for_a_year.month_dollars["STANDARD"][7] < for_ever.month_dollars["STANDARD"][7]
    assert for_a_year.month_dollars["STANDARD"][3] == for_a_year.month_dollars["STANDARD"][7]
    assert US.storage["GLACIER_IR"].month(1) == US.storage["GLACIER_IR"].month(131_072)
    assert US.storage["DEEP_ARCHIVE"].month(1) > US.storage["DEEP_ARCHIVE"].month(0) > 0


def test_the_price_file_is_dated_and_agrees_with_what_the_downloader_decides_by() -> None:
    assert US.date > date(2026, 1, 1)
    for name in ("STANDARD", "GLACIER_IR"):
        price, size = US.storage[name], 10_000_000
        month = cost_dollars(name, size_bytes=size, days=1000) - cost_dollars(name, size_bytes=size, days=970)
        assert price.month(size) == pytest.approx(month * DAYS_A_MONTH / 30, rel=0.01)
        assert price.put == pytest.approx(cost_dollars(name, size_bytes=0, days=0), rel=0.1)
    for name, price in US.storage.items():
        assert price.min_days == SHORTEST_STAY_DAYS[name]


DEPLOYMENT = """
[archive]
name = "recordings"
expire_after = "2555 days"
[sources.acme]
provider = "babelforce"
base_url = "{url}"
secret = "acme"
requests_per_minute = {rate}
allow_private_addresses = true
"""


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def deployment(tmp_path: Path, server: HttpServer) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(DEPLOYMENT.format(url=server.url, rate=6000))
    return path


GIVEN = ("--calls-per-day", "3000", "--mean-seconds", "120")


def test_a_plan_of_the_only_source_needs_no_name(deployment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "-a", str(deployment), *GIVEN]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "before the provider deletes any" in told[-1]
    assert all(len(line) <= 80 for line in told[3:-1])
    assert main(["plan", "acme", "-a", str(deployment), *GIVEN, "--json", "--region", "eu-central-1"]) == 0
    document = checked(capsys.readouterr().out)
    assert (document["source"], document["bytes_each"], document["prices"]["region"]) == (
        "acme",
        960_000,
        "eu-central-1",
    )


def test_events_are_reckoned_where_the_deployment_has_them(
    deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dollars = []
    for line in ("", "events = true\n"):
        text = deployment.read_text(encoding="utf-8").replace("[archive]\n", f"[archive]\n{line}")
        deployment.write_text(text, encoding="utf-8")
        assert main(["plan", "-a", str(deployment), *GIVEN, "--json"]) == 0
        document = checked(capsys.readouterr().out)
        dollars.append(document["classes"][0]["put_backlog_dollars"])
    assert dollars[1] - dollars[0] == pytest.approx(document["backlog"] * US.event, abs=0.006)
    assert dollars[1] > dollars[0]


def test_a_pace_that_is_too_slow_ends_with_1_and_the_way_out(
    deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.write_text(DEPLOYMENT.format(url="https://x.example.com", rate=2))
    assert main(["plan", "-a", str(deployment), *GIVEN]) == 1
    assert "raise requests_per_minute" in capsys.readouterr().out.splitlines()[-1]


def test_the_load_is_measured_from_what_the_provider_lists_of_yesterday(
    deployment: Path, server: HttpServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12)
    rows = [
        {
            "id": str(n),
            "dateCreated": yesterday.isoformat(),
            "duration": (100 + n) * 1000,
            "state": "finished",
            "call": {},
        }
        for n in range(3)
    ]
    server.on("/api/v2/recordings", Reply(body=json.dumps({"items": rows, "pagination": {"total": 3}}).encode()))
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"acme": {"access_id": "id", "access_token": "hidden"}}')
    words = ["plan", "--measure", "acme", "--secrets", str(secrets), "-a", str(deployment), "--json"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "hidden" not in told.out + told.err
    document = checked(told.out)
    assert (document["calls_per_day"], document["bytes_each"]) == (3, 101 * 8000)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("acme",), 2, "give --calls-per-day and --mean-seconds, or --measure SOURCE"),
        (("acne", *GIVEN), 3, "Did you mean 'acme'?"),
        (("acme", *GIVEN, "--region", "mars-1"), 2, "give --region with one of us-east-1, eu-central-1"),
        (("acme", "--calls-per-day", "0", "--mean-seconds", "1"), 2, "0"),
    ],
)
def test_what_cannot_be_reckoned_is_a_sentence(
    deployment: Path, words: tuple[str, ...], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "-a", str(deployment), *words]) == code
    assert sentence in capsys.readouterr().err
