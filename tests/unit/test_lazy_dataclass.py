"""Lazy dataclasses behave as those of the standard library do."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from dataclasses import dataclass as standard
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.lazy_dataclass import dataclass as lazy


def _point(dataclass: Any) -> Any:
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Point:
        """One."""

        x: int
        tags: list[str] = field(default_factory=list)
        y: int = 2
        hidden: str = field(default="h", repr=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("below nought")

    return Point


def _placed(dataclass: Any) -> Any:
    @dataclass(frozen=True, slots=True)
    class Placed:
        """Two, by their places; the last by name."""

        first: object
        second: object = ()
        third: object = field(default=None, kw_only=True)

    return Placed


@lazy(frozen=True, kw_only=True, slots=True)
class Kept:
    """One that another process can find."""

    name: str
    of: Kept | None = None


@lazy(frozen=True)
class Empty:
    """Has nothing."""


BOTH = (lazy, standard)
values = st.one_of(st.integers(), st.text(max_size=3), st.tuples(st.integers()))


@given(first=values, second=values, third=values)
def test_equality_hash_and_text_are_those_of_a_standard_dataclass(first: object, second: object, third: object) -> None:
    ours, theirs = (_placed(each) for each in BOTH)
    for arguments in ((first,), (first, second), (second, first)):
        made, other = ours(*arguments, third=third), theirs(*arguments, third=third)
        assert repr(made) == repr(other)
        assert asdict(made) == asdict(other)
        assert (made == ours(first)) == (other == theirs(first))
        assert made == ours(*arguments, third=third)
        assert hash(made) == hash(ours(*arguments, third=third))
        assert made != other


def test_each_gets_a_default_of_its_own_from_a_factory() -> None:
    point = _point(lazy)
    one, other = point(x=1), point(x=1)
    assert one.tags == [] == other.tags
    assert one.tags is not other.tags
    assert point(x=1, tags=["a"]).tags == ["a"]
    assert repr(one).endswith("Point(x=1, tags=[], y=2)")


@pytest.mark.parametrize("point", [_point(each) for each in BOTH])
def test_what_is_not_a_field_or_missing_or_refused_raises(point: Callable[..., Any]) -> None:
    for _ in range(2):  # the first of all, and those after it
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'x'"):
            point()
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            point(x=1, z=2)
        with pytest.raises(TypeError, match="positional argument"):
            point(1)
        with pytest.raises(ValueError, match="below nought"):
            point(x=-1)


@pytest.mark.parametrize("point", [_point(each) for each in BOTH])
def test_nothing_of_it_can_be_changed(point: Callable[..., Any]) -> None:
    made = point(x=1)
    for name in ("x", "unknown"):
        with pytest.raises((FrozenInstanceError, TypeError)):  # a standard one with slots confuses itself
            setattr(made, name, 2)
        with pytest.raises((FrozenInstanceError, TypeError)):
            delattr(made, name)
    assert made.x == 1
    assert replace(made, x=3).x == 3
    with pytest.raises(ValueError, match="below nought"):
        replace(made, x=-3)


def test_fields_keep_their_order_for_patterns() -> None:
    assert _placed(lazy).__match_args__ == ("first", "second") == _placed(standard).__match_args__
    assert [each.name for each in fields(_point(lazy))] == ["x", "tags", "y", "hidden"]


def test_one_that_is_not_frozen_is_a_standard_dataclass() -> None:
    @lazy(kw_only=True, slots=True)
    class Open:
        n: int

    made = Open(n=1)
    made.n = 2
    assert made == Open(n=2)


def test_it_can_be_copied_pickled_and_inherited() -> None:
    made = Kept(name="a", of=Kept(name="b"))
    assert copy.copy(made) == made == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))

    @lazy(frozen=True, kw_only=True, slots=True)
    class More(Kept):
        more: int = 0

    class Plain(More):
        def doubled(self) -> int:
            return 2 * self.more

    assert Plain(name="c", more=2).doubled() == 4
    assert More(name="c") != Kept(name="c")
    assert (Empty(), hash(Empty())) == (Empty(), hash(Empty()))


def test_every_frozen_class_of_the_functions_is_a_lazy_one() -> None:
    texts = {str(file): file.read_text(encoding="utf-8") for file in Path("functions").rglob("*.py")}
    eager = [
        f"{file}: {node.name}"
        for file, text in texts.items()
        if "from functions.archiver.lazy_dataclass import dataclass" not in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and any("frozen=True" in ast.unparse(each) for each in node.decorator_list)
    ]
    assert not eager
