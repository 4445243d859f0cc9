"""Every module in this package is one provider; its name is the `provider` of the deployment file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping

from functions.archiver.errors import Misconfigured
from functions.archiver.provider.provider import Provider


def names() -> list[str]:
    """The names of all providers, sorted; imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> type[Provider]:
    """The provider class of the module `functions.providers.<name>`. Raises Misconfigured for an unknown name."""
    if name not in names():
        raise Misconfigured(f"unknown provider {name!r}: allowed are {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    return next(_providers_defined_in(module.__name__, vars(module)))


def _providers_defined_in(module_name: str, members: Mapping[str, object]) -> Iterator[type[Provider]]:
    for member in members.values():
        if inspect.isclass(member) and issubclass(member, Provider) and member.__module__ == module_name:
            yield member
