"""The standard library's dataclasses, whose methods are written for a frozen class when one is first called.

`dataclasses` writes and compiles six methods for each frozen class, which takes 0.7 ms. A function loads some eighty
such classes, so that was a sixth of its cold start; most of them are never compared or printed, and many never made.
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


_WRITTEN = ("__init__", "__repr__", "__eq__", "__hash__")


def _with_methods(made: type) -> type:
    own = vars(made).keys()
    written = [name for name in _WRITTEN if name not in own]
    methods = {name: _first_call(made, name, written) for name in written}
    for name, method in {**methods, **_SHARED}.items():
        setattr(made, name, method)
    return made


def _first_call(made: type, called: str, written: list[str]) -> Callable[..., Any]:
    """A method that has the standard library write all the `written` ones, which take its place."""

    def method(self: object, *placed: object, **named: object) -> Any:
        whole = _whole(made)
        for name in written:
            setattr(made, name, getattr(whole, name))
        return getattr(made, called)(self, *placed, **named)

    return method


def _whole(made: Any) -> type:
    """A dataclass of the same fields, with everything that the standard library writes for it."""
    fields = [(each.name, each.type, each) for each in dataclasses.fields(made)]
    after = {"__post_init__": made.__post_init__} if hasattr(made, "__post_init__") else {}
    return dataclasses.make_dataclass(made.__name__, fields, namespace=after, frozen=True)


def _set(self: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> dict[str, object]:
    return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}


def _restore(self: object, state: dict[str, object]) -> None:
    for name, value in state.items():
        object.__setattr__(self, name, value)


_SHARED = {"__setattr__": _set, "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore}
"""Nothing may be set, and so a copy is filled in its own way."""
