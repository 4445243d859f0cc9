"""Links and times as providers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from functions.archiver.provider.json_values import count_of, cursor_of, id_of, link_of, moment_of, number_of, written
from functions.archiver.recording import Json


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://a.example/x y", "https://a.example/x y"),
        (" https://a.example/x\r\n\t/y\n", "https://a.example/x/y"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https://a.example/\x00", None),
        ("\n", None),
        ("", None),
        ("https://a.example/" + "x" * 20_000, None),
        (5, None),
        (["https://a.example"], None),
    ],
)
def test_a_link_is_read_without_what_it_was_wrapped_with(value: Json, link: str | None) -> None:
    assert link_of(value) == link


TEN = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-28T10:00:00Z",
        "2026-11-28t10:00:00z",
        " 2026-11-28 10:00:00 ",
        "2026-11-28 10:00:00 UTC",
        "2026-11-28T12:00:00+0200",
        "20261128T100000Z",
        "Sat, 28 Nov 2026 10:00:00 GMT",
        "Sat, 28 Nov 2026 11:00:00 +0100",
        1795860000,
        1795860000.0,
        1795860000000,
        "1795860000",
        "1795860000000",
    ],
)
def test_a_time_is_read_in_every_usual_form(value: Json) -> None:
    assert moment_of(value) == TEN
    assert written(value) == str(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2016-12-31T18:59:60.750-05:00", datetime(2016, 12, 31, 23, 59, 59, 750_000, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-12-31T24:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2024-02-28 24:00:00", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2026-11-28T24:00:00.000+01:00", datetime(2026, 11, 28, 23, tzinfo=UTC)),
        ("2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_leap_second_and_the_end_of_a_day_are_times(value: str, moment: datetime) -> None:
    """What has no date is never archived, so that one such second would lose a recording."""
    assert moment_of(value) == moment
    assert written(value) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        0,
        -1,
        7,
        20261128,
        1e300,
        float("inf"),
        True,
        "yesterday",
        "0000-00-00",
        "2026-11-28T10:60:00Z",
        "2026-11-28T24:00:01Z",
        "9999-12-31T24:00:00Z",
        "2026-02-29T10:00:00Z",
        "9" * 15,
        [1795860000],
        "1e10",
    ],
)
def test_what_is_no_time_is_none(value: Json) -> None:
    assert (moment_of(value), written(value) if not isinstance(value, str) else None) == (None, None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7.0),
        (-1.5, -1.5),
        ("117504", 117504.0),
        ("-1", -1.0),
        ("0.25", 0.25),
        (1e-300, 0.0),
        ("7 s", None),
        ("1e5", None),
        ("٧", None),
        ("9" * 16, None),
        (10**16, None),
        (float("nan"), None),
        (True, None),
        ([7], None),
    ],
)
def test_a_number_may_be_written_as_a_text(value: Json, number: float | None) -> None:
    assert number_of(value) == number
    assert count_of(value) == (None if number is None or number < 0 else int(number))


@pytest.mark.parametrize(
    ("value", "cursor"),
    [("", None), (None, None), (0, None), (False, None), ({}, None), (7, "7"), ("t" * 5_000, "t" * 5_000)],
)
def test_a_cursor_is_whatever_a_provider_names_its_next_page(value: Json, cursor: str | None) -> None:
    assert cursor_of(value) == cursor


@pytest.mark.parametrize(
    ("value", "id_"),
    [
        (7, "7"),
        (10**40, str(10**40)),
        ("a b", "a b"),
        (True, None),
        (7.0, None),
        ("", None),
        ("a\nb", None),
        (None, None),
    ],
)
def test_an_id_may_be_a_whole_number(value: Json, id_: str | None) -> None:
    assert id_of(value) == id_
