"""A secret value that has no text form."""

from __future__ import annotations

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
    """`text` with every occurrence of a secret replaced by `***`. A last line of defence for texts from outside."""
    for secret in secrets:
        if value := secret.reveal():
            text = text.replace(value, "***")
    return text
