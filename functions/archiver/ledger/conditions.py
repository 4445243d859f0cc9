"""On which condition a write of the table happens, as values: what an item has to hold at that moment.

Values compare as DynamoDB compares them: only with their like, so a text is never at most a number, and an attribute
that is missing meets no condition but `Missing`.
"""

from __future__ import annotations

from functions.archiver.lazy_dataclass import dataclass

Value = str | int | bool


class _Combines:
    """Conditions read as they are said: `Missing("a") | AtMost("a", 5)`."""

    __slots__ = ()

    def __and__(self, other: Condition) -> AllOf:
        return AllOf((_own(self), other))

    def __or__(self, other: Condition) -> AnyOf:
        return AnyOf((_own(self), other))


@dataclass(frozen=True, slots=True)
class Equals(_Combines):
    """The attribute is this value, of this type."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf(_Combines):
    """The attribute is one of these values: one at least, and at most a hundred."""

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= 100:
            raise ValueError(f"{self.name} is compared with {len(self.values)} values, and 1 to 100 are possible")


@dataclass(frozen=True, slots=True)
class AtMost(_Combines):
    """The attribute is a number, and not above this one."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class AtLeast(_Combines):
    """The attribute is a number, and not below this one."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Exists(_Combines):
    """The item has the attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Missing(_Combines):
    """The item lacks the attribute, or there is no item."""

    name: str


@dataclass(frozen=True, slots=True)
class AllOf(_Combines):
    """Every one of them holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(_Combines):
    """One of them holds at least."""

    conditions: tuple[Condition, ...]


Condition = Equals | OneOf | AtMost | AtLeast | Exists | Missing | AllOf | AnyOf


def unchanged(name: str, value: Value | None) -> Condition:
    """The attribute is this value, or still missing where it was None."""
    return Missing(name) if value is None else Equals(name, value)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A range of an index: one partition, and a span of its sort key, both ends included; None leaves an end open."""

    partition: str
    at_least: int | str | None = None
    at_most: int | str | None = None

    def __post_init__(self) -> None:
        low, high = self.at_least, self.at_most
        if low is None or high is None:
            return
        if isinstance(low, str) != isinstance(high, str) or low > high:  # type: ignore[operator]  # of one type by now
            raise ValueError(f"the span of a key from {low!r} to {high!r} is upside down")


def _own(condition: _Combines) -> Condition:
    assert isinstance(condition, Condition)
    return condition
