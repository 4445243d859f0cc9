"""Links and times as providers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from functions.archiver.provider.json_values import id_of, link_of, moment_of, written
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
