"""The standard library's dataclasses, whose methods are written for a frozen class when they are first called.

`dataclasses` writes and compiles six methods for each frozen class, which takes 0.7 to 1 ms. A function loads some
eighty such classes, so that was a sixth of its cold start. Fifty of them are made before the first recording is
archived, but next to none are compared or printed: what makes one is written alone, in a tenth of the time.

Whatever inherits from one of these is one of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, kw_only: bool = False, slots: bool = False) -> Callable[[type], type]:
        """As `dataclasses.dataclass` with these arguments."""
        if not frozen:
            return dataclasses.dataclass(kw_only=kw_only, slots=slots)
        bare = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)
        return lambda described: _with_methods(bare(described))


def _with_methods(made: type) -> type:
    own = vars(made).keys()
    written = {name: _first_call(made, name, write) for name, write in _WRITTEN.items() if name not in own}
    for name, method in {**written, **_SHARED}.items():
        setattr(made, name, method)
    return made


def _first_call(made: type, called: str, write: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method that gives way to the one that it has written."""

    def method(self: object, *placed: object, **named: object) -> Any:
        setattr(made, called, write(made))
        return getattr(made, called)(self, *placed, **named)

    return method


def _init(made: Any) -> Any:
    fields = dataclasses.fields(made)
    known: dict[str, Any] = {"_put": object.__setattr__}
    placed, named = ([_parameter(each, known) for each in fields if each.kw_only is asked] for asked in (False, True))
    parameters = ["self", *placed, *(["*", *named] if named else [])]
    body = [f"_put(self, {each.name!r}, {_argument(each)})" for each in fields]
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    lines = [f"def __init__({', '.join(parameters)}):", *(body or ["pass"])]
    exec("\n  ".join(lines), known)  # noqa: S102 - names of our own fields, as `dataclasses` does it
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


def _whole(made: Any) -> Any:
    """A dataclass of the same fields, with everything that the standard library writes for it."""
    fields = [(each.name, each.type, each) for each in dataclasses.fields(made)]
    return dataclasses.make_dataclass(made.__name__, fields, frozen=True)


def _set(self: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> dict[str, object]:
    return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


def _restore(self: object, state: dict[str, object]) -> None:
    for name, value in state.items():
        object.__setattr__(self, name, value)


_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "__init__": _init,
    "__repr__": lambda made: _whole(made).__repr__,
    "__eq__": lambda made: _whole(made).__eq__,
    "__hash__": lambda made: _whole(made).__hash__,
}
_SHARED = {"__setattr__": _set, "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore}
"""Nothing may be set, and so a copy is filled in its own way."""
