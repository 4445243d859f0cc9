"""Spellings of a telephone number."""

from __future__ import annotations

import pytest

from ops.index.numbers import digits_of, looks_like_a_number, reversed_digits

SPELLINGS = ("+441614960404", "0044 161 496 0404", "+44 (0)161 496-0404", "44.161.496.0404", "00 44 (0) 161/4960404")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_with_a_country_code_have_the_same_digits(spelling: str) -> None:
    assert digits_of(spelling) == "441614960404"


@pytest.mark.parametrize("spelling", ["0161 4960404", "(0161) 496-0404", "161 496 0404"])
def test_the_national_zero_is_dropped(spelling: str) -> None:
    assert digits_of(spelling) == "1614960404"


@pytest.mark.parametrize("end", ["0404", "00404", "0960404"])
def test_a_zero_at_the_beginning_of_a_number_s_end_is_kept(end: str) -> None:
    assert digits_of(end) == end


def test_an_index_keeps_a_number_from_its_end() -> None:
    assert reversed_digits("+44 161 496 0404") == "404069416144"
    assert reversed_digits("anonymous") is None
    assert reversed_digits(None) is None


@pytest.mark.parametrize("text", ["0404", "+44 161", "(0161) 496-0404", "*4960*"])
def test_a_text_of_digits_and_their_punctuation_may_be_a_number(text: str) -> None:
    assert looks_like_a_number(text)


@pytest.mark.parametrize("text", ["404", "a1b2c3d4", "call-00012", "Anna", "", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
def test_other_texts_are_no_numbers(text: str) -> None:
    assert not looks_like_a_number(text)
