"""A secret value that has no text form."""

from __future__ import annotations

import functools
import re
from base64 import b64encode
from collections.abc import Iterable


class Secret:
    """Holds a secret; prints, formats and serialises as `***`. `reveal()` is the only way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one line that puts it into a request."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never serialised")


def masked(text: str, secrets: Iterable[Secret]) -> str:
    """`text` with every occurrence of a secret replaced by `***`. A last line of defence for texts from outside.

    A secret is also known percent-encoded, once or twice and in part, as a form writes it, and within Base64.
    """
    for secret in secrets:
        if value := secret.reveal():
            text = text.replace(value, "***")
            if len(value) >= _SHORTEST_ENCODED:
                text = _encoded(value).sub("***", text)
    return text


def holds_a_secret(text: str, secrets: Iterable[Secret]) -> bool:
    """Whether `text` repeats a secret, in any of the forms that `masked` knows."""
    return masked(text, secrets) != text


_SHORTEST_ENCODED = 4
_LONGEST_COMPARED = 64
"""What follows so much of a long secret, or of its Base64, is taken for the rest of it."""

_REST = r"[A-Za-z0-9%+/=_.~-]*"


@functools.lru_cache(maxsize=64)
def _encoded(value: str) -> re.Pattern[str]:
    """Finds `value` percent-encoded, and inside the Base64 of anything, at each of the three places it may have."""
    forms = [value, *filter(None, (_inside_base64(value.encode("utf-8", "replace"), at) for at in range(3)))]
    return re.compile("|".join(map(_any_writing, forms)))


def _inside_base64(value: bytes, at: int) -> str:
    """The characters that stand for `value` alone when `at` bytes come before it; empty where they are too few."""
    whole = b64encode(bytes(at) + value).decode().rstrip("=")
    first = -(-at * 8 // 6)
    last = (at + len(value)) * 8 // 6
    return whole[first:last] if last - first >= 2 * _SHORTEST_ENCODED else ""


def _any_writing(form: str) -> str:
    return "".join(map(_writings, form[:_LONGEST_COMPARED])) + (_REST if len(form) > _LONGEST_COMPARED else "")


def _writings(character: str) -> str:
    """A character as it is, percent-encoded however often, as a form writes a blank, or as Base64 for URLs does."""
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode("utf-8", "replace"))
    other = {" ": r"|\+|%(?:25)*2[Bb]", "+": "|-", "/": "|_"}.get(character, "")
    return f"(?:{re.escape(character)}|{percent}{other})"
