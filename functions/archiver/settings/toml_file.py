"""Reads a deployment file. Every mistake in it is one sentence that names the file, the key and what is allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from functions.archiver.errors import Misconfigured
from functions.archiver.provider.declaration import Declaration, Option
from functions.archiver.settings.checks import quoted, require
from functions.archiver.settings.deployment import Archive, Deployment, Source, Tier
from functions.providers import load

Table = Mapping[str, Any]
Reader = Callable[[Any, str], Any]
Keys = Mapping[str, tuple[str, Reader]]
"""What a table may hold: by key, the dataclass's field and what reads its value."""

_HEADS = {"archive": "[archive]", "sources": "[sources.acme-uk]"}
"""The tables of a file, and how the head of each is written."""

_SPAN = re.compile(r"([1-9][0-9]{0,5}) (minute|hour|day|week)s?")


def read(path: Path) -> Deployment:
    """The deployment that the file describes. Raises Misconfigured with one sentence."""
    with _naming(path):
        document = _document(path)
        _only(document, tuple(_HEADS), "")
        archive, sources = (_headed(document, name, head) for name, head in _HEADS.items())
        return Deployment(
            archive=_archive(archive), sources=tuple(_source(name, fields) for name, fields in sources.items())
        )


def _headed(document: Table, name: str, head: str) -> Table:
    require(name in document, name, f"is missing: there must be a table {head}")
    require(isinstance(document[name], Mapping), name, f"must be a table, written as {head}")
    return dict(document[name])


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except Misconfigured as mistake:
        raise Misconfigured(f"{path}: {mistake}") from None


def _document(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Misconfigured(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Misconfigured("is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"is not valid TOML: {error}") from None
    except RecursionError:
        raise Misconfigured("is not a deployment file: its values are nested too deep") from None


def _table(value: Any, key: str) -> Table:
    require(isinstance(value, Mapping), key, "must be a table")
    return dict(value)


def _text(value: Any, key: str) -> str:
    require(isinstance(value, str) and value, key, "must be a text in quotes, and not an empty one")
    return str(value)


def _texts(value: Any, key: str) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(each, str) for each in value)
    require(good, key, 'must be an array of texts, such as ["one", "two"]')
    return tuple(value)


def _flag(value: Any, key: str) -> bool:
    require(isinstance(value, bool), key, "must be true or false")
    return bool(value)


def _whole(value: Any, key: str) -> int:
    require(isinstance(value, int) and not isinstance(value, bool), key, "must be a whole number")
    return int(value)


def _number(value: Any, key: str) -> float:
    require(isinstance(value, (int, float)) and not isinstance(value, bool), key, "must be a number")
    number: float = value
    return number


def _span(value: Any, key: str) -> timedelta:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    require(match, key, 'must be a duration: a number and minutes, hours, days or weeks, such as "24 hours"')
    assert match
    return timedelta(**{f"{match[2]}s": int(match[1])})


def _days(value: Any, key: str) -> int:
    span = _span(value, key)
    require(span % timedelta(days=1) == timedelta(), key, 'must be whole days, such as "180 days"')
    return span.days


def _moment(value: Any, key: str) -> datetime:
    good = isinstance(value, datetime) and value.tzinfo is not None
    require(good, key, "must be a date and time with a zone, without quotes, such as 2026-01-01T00:00:00Z")
    moment: datetime = value
    # At the ends of the calendar UTC may be out of range; Source refuses such years.
    return moment.astimezone(UTC) if 1 < moment.year < 9999 else moment


def _tiers(value: Any, key: str) -> tuple[Tier, ...]:
    require(isinstance(value, list), key, "must be written as [[archive.tiers]] tables")
    return tuple(Tier(**_fields(_table(each, key), _TIER, key, required=("after", "storage_class"))) for each in value)


def _deletion(value: Any, key: str) -> int:
    require(isinstance(value, Mapping), key, 'must be a table such as { after = "30 days" }')
    days: int = _fields(_table(value, key), {"after": ("days", _days)}, key, required=("after",))["days"]
    return days


_TIER: Keys = {
    "after": ("after_days", _days),
    "storage_class": ("storage_class", _text),
    "min_bytes": ("min_bytes", _whole),
}
_ARCHIVE: Keys = {
    "name": ("name", _text),
    "alerts": ("alerts", _texts),
    "expire_after": ("expire_after_days", _days),
    "storage": ("storage", _text),
    "tiers": ("tiers", _tiers),
    "bucket": ("bucket", _text),
    "kms_key": ("kms_key", _text),
    "permissions_boundary": ("permissions_boundary", _text),
    "timezone": ("timezone", _text),
    "object_lock": ("object_lock", _text),
    "compliance_cannot_be_undone": ("compliance_cannot_be_undone", _flag),
    "sign": ("sign", _flag),
    "export_key": ("export_key", _text),
    "events": ("events", _flag),
    "access_policies": ("access_policies", _flag),
    "urgent": ("urgent", _texts),
    "runbook_url": ("runbook_url", _text),
    "break_glass_role": ("break_glass_role", _text),
}
_SOURCE: Keys = {
    "provider": ("provider", _text),
    "base_url": ("base_url", _text),
    "secret": ("secret", _text),
    "schedule": ("schedule", _text),
    "requests_per_minute": ("requests_per_minute", _number),
    "max_parallel_downloads": ("max_parallel_downloads", _whole),
    "start": ("start", _moment),
    "overlap": ("overlap", _span),
    "reconcile": ("reconcile", _span),
    "webhook": ("webhook", _flag),
    "webhook_unverified": ("webhook_unverified", _flag),
    "webhook_url": ("webhook_url", _text),
    "webhook_quiet_after": ("webhook_quiet_after", _span),
    "expire_after": ("expire_after_days", _days),
    "delete_at_source": ("delete_after_days", _deletion),
    "delete_secret": ("delete_secret", _text),
    "allow_private_addresses": ("allow_private_addresses", _flag),
    "options": ("options", _table),
}


def _fields(table: Table, readers: Keys, key: str, *, required: Collection[str]) -> dict[str, Any]:
    _only(table, readers, f"{key}.")
    for name in required:
        require(name in table, f"{key}.{name}", "is missing")
    return {readers[name][0]: readers[name][1](value, f"{key}.{name}") for name, value in table.items()}


def _only(table: Table, allowed: Collection[str], prefix: str) -> None:
    for name in table:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise Misconfigured(f"{prefix}{quoted(name)}: unknown key{meant}; allowed are {', '.join(allowed)}")


def _archive(table: Table) -> Archive:
    return Archive(**_fields(table, _ARCHIVE, "archive", required=("name",)))


def _source(name: str, value: Any) -> Source:
    key = f"sources.{quoted(name)}"
    given = _fields(_table(value, key), _SOURCE, key, required=("provider", "secret"))
    try:
        declaration = load(given["provider"]).declaration
    except Misconfigured as mistake:
        raise Misconfigured(f"{key}.provider: {mistake}") from None
    require("base_url" in given or declaration.default_base_url, f"{key}.base_url", "is missing")
    defaults = {
        "base_url": declaration.default_base_url,
        "requests_per_minute": float(declaration.rate_default),
        "max_parallel_downloads": declaration.parallel_default,
        "overlap": declaration.overlap_minimum,
    }
    base_url = given.get("base_url") or declaration.default_base_url or ""
    private = given.get("allow_private_addresses", False)
    options = _options(given.pop("options", {}), declaration, f"{key}.options", base_url)
    for option in declaration.options:
        if option.kind == "origin" and option.name in options:
            _check_origin(options[option.name], f"{key}.options.{option.name}", allow_private=private)
    source = Source(name=name, **{**defaults, **given}, options=options)
    _check_webhook(source, declaration, key)
    least = declaration.overlap_minimum
    require(
        source.overlap >= least,
        f"{key}.overlap",
        f"must be at least {_words(least)}: {declaration.title} lists that late",
    )
    return source


def _check_webhook(source: Source, declaration: Declaration, key: str) -> None:
    title = declaration.title
    require(declaration.webhook or not source.webhook, f"{key}.webhook", f"must not be true: {title} sends no events")
    require(
        "secret" in declaration.webhook or not source.webhook_unverified,
        f"{key}.webhook_unverified",
        f"must not be true: {title} signs its events, and a signature is always verified",
    )


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours > 24 else f"{hours:g} hours"


def _options(table: Table, declaration: Declaration, key: str, base_url: str) -> dict[str, Any]:
    declared = {option.name: option for option in declaration.options}
    _only(table, declared, f"{key}.")
    options = {}
    for name, option in declared.items():
        require(name in table or not option.required, f"{key}.{name}", f"is missing ({option.help})")
        if name in table:
            options[name] = _option(table[name], option, f"{key}.{name}")
        elif option.default is not None:
            options[name] = _default(option, base_url)
    return options


def _default(option: Option, base_url: str) -> Any:
    if option.kind != "origin":
        return option.default
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    domain = host.partition(".")[2]
    if not domain or host.replace(".", "").isdigit():  # an address, or a name alone: everything is there
        return f"{parts.scheme}://{parts.netloc}"
    return str(option.default).replace("{domain}", domain)


def _check_origin(value: str, key: str, *, allow_private: bool) -> None:
    schemes = ("https", "http") if allow_private else ("https",)
    try:
        parts = urlsplit(value)
        bare = f"{parts.scheme}://{parts.netloc}" == value.rstrip("/") and bool(parts.hostname) and "@" not in value
        good = bare and parts.scheme in schemes and parts.port != 0
    except ValueError:
        good = False
    require(good, key, "must be https:// and a host, with a port where it is needed, and nothing else")


def _option(value: Any, option: Option, key: str) -> Any:
    readers: Mapping[str, Reader] = {
        "text": _text,
        "origin": _text,
        "integer": _whole,
        "boolean": _flag,
        "texts": lambda value, key: list(_texts(value, key)),
        "tables": lambda value, key: _option_tables(value, option, key),
    }
    read_value = readers[option.kind](value, key)
    for each in read_value if isinstance(read_value, list) else [read_value]:
        allowed = not option.choices or str(each) in option.choices
        require(allowed, key, f"must be one of {', '.join(option.choices)} ({option.help})")
        matches = not option.pattern or not isinstance(each, str) or re.fullmatch(option.pattern, each)
        require(matches, key, f"must match {option.pattern} ({option.help})")
    return read_value


def _option_tables(value: Any, option: Option, key: str) -> list[dict[str, Any]]:
    require(isinstance(value, list), key, f"must be an array of tables with {', '.join(option.fields)}")
    tables = [_table(each, key) for each in value]
    for table in tables:
        _only(table, option.fields, f"{key}.")
        for name in option.fields:
            good = isinstance(table.get(name), (str, int)) and not isinstance(table.get(name), bool)
            require(good, f"{key}.{name}", "is missing or neither text nor whole number")
    return [dict(table) for table in tables]
