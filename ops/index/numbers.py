"""Telephone numbers as people type them and as providers write them, made comparable.

Only digits count: `+`, a leading `00`, brackets, hyphens, dots and spaces are ignored, and so is the one national `0`
in front of an area code, be it first (`0161 …`) or behind a country code in brackets (`+44 (0)161 …`). Two spellings of
one number agree from the end, so that is how they are compared.
"""

from __future__ import annotations

import re

MIN_DIGITS = 4
"""A shorter end of a number says too little."""

WITH_PREFIX = 8
"""From so many digits on a leading 0 or 00 is a prefix; in fewer it may be the end of a number."""

_NATIONAL_ZERO = re.compile(r"\(\s*0\s*\)")
_NOT_DIGITS = re.compile(r"\D+")
_NUMBER_LIKE = re.compile(r"[+*]?[\d\s()./-]*\d[\d\s()./-]*\*?")


def digits_of(number: str) -> str:
    """The digits that tell a number from others: those of `+44 (0)161 496-0404` are `441614960404`."""
    digits = _NOT_DIGITS.sub("", _NATIONAL_ZERO.sub("", number))
    if len(digits) < WITH_PREFIX:
        return digits
    if digits.startswith("00"):
        return digits[2:]
    return digits[1:] if digits.startswith("0") and not number.lstrip().startswith("+") else digits


def reversed_digits(number: str | None) -> str | None:
    """As an index keeps a number, so that its end can be looked up; None where there is none."""
    digits = digits_of(number) if number else ""
    return digits[::-1] or None


def looks_like_a_number(text: str) -> bool:
    """Whether a word in a search box may mean a telephone number: digits and their usual punctuation, four or more."""
    return bool(_NUMBER_LIKE.fullmatch(text.strip())) and len(digits_of(text)) >= MIN_DIGITS
