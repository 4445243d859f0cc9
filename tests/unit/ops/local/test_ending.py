"""What a run says at its end."""

from __future__ import annotations

from ops.local.ending import MOST_ERRORS, Errors


def test_an_error_that_comes_every_minute_for_years_is_one_line_and_many_kinds_are_so_many_at_the_most() -> None:
    errors = Errors()
    for minute in range(10_000):
        errors.note("ArchiveTrouble: the disk is slow")
        errors.note(f"ValueError: {minute % 3}")
    assert errors.lines == ["ArchiveTrouble: the disk is slow", *(f"ValueError: {number}" for number in range(3))]
    for minute in range(10_000):
        errors.note(f"KeyError: {minute}")
    assert len(errors.lines) == MOST_ERRORS
