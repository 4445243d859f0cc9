"""The standard library's dataclasses; what is written for a frozen class is written when it is first needed.

`dataclasses` writes and compiles six methods for each frozen class, which takes 0.7 ms. A function loads some eighty
such classes, so that was a sixth of its cold start; most of them are never compared or printed, and many never made.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, kw_only: bool = False, slots: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass` with these arguments, for classes that compare all of their fields."""
        if not frozen:
            return dataclasses.dataclass(kw_only=kw_only, slots=slots)
        bare = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)
        return lambda described: _with_methods(bare(described))


def _with_methods(made: type) -> type:
    for name, method in {"__init__": _first_init(made), **_SHARED}.items():
        if name not in vars(made):
            setattr(made, name, method)
    return made


def _first_init(made: Any) -> Callable[..., None]:
    """An `__init__` that writes the one that takes its place."""

    def init(self: object, *placed: object, **named: object) -> None:
        made.__init__ = _written_init(made)
        made.__init__(self, *placed, **named)

    return init


def _written_init(made: Any) -> Any:
    fields = dataclasses.fields(made)
    known: dict[str, Any] = {"_put": object.__setattr__}
    placed, named = ([_parameter(each, known) for each in fields if each.kw_only is asked] for asked in (False, True))
    parameters = ["self", *placed, *(["*", *named] if named else [])]
    body = [f"_put(self, {each.name!r}, {_argument(each)})" for each in fields]
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    lines = [f"def __init__({', '.join(parameters)}):", *(body or ["pass"])]
    exec("\n  ".join(lines), known)  # noqa: S102 - names of fields, and as fast as what `dataclasses` executes
    return known["__init__"]


def _parameter(field: dataclasses.Field[Any], known: dict[str, Any]) -> str:
    """As it is declared; its default, or what makes one, goes among the names that are `known`."""
    made = field.default_factory is not dataclasses.MISSING
    default = field.default_factory if made else field.default
    if default is dataclasses.MISSING:
        return field.name
    known[f"_default_{field.name}"] = default
    return f"{field.name}=_default_{field.name}"


def _argument(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is dataclasses.MISSING:
        return field.name
    return f"_default_{field.name}() if {field.name} is _default_{field.name} else {field.name}"


@functools.cache
def _values_of(made: Any) -> Callable[[object], object]:
    names = [each.name for each in dataclasses.fields(made)]
    return attrgetter(*names) if names else lambda each: ()


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = _values_of(self.__class__)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash((self.__class__, _values_of(self.__class__)(self)))


def _set(self: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> dict[str, object]:
    return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


def _restore(self: object, state: dict[str, object]) -> None:
    for name, value in state.items():
        object.__setattr__(self, name, value)


_SHARED = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
"""What all frozen classes have in common. Copying needs the last two, for setting is forbidden."""
