"""The checks that the dataclasses of a deployment are made of."""

from __future__ import annotations

import json
import re
from ipaddress import IPv6Address
from zoneinfo import ZoneInfo

from functions.archiver.errors import Misconfigured

MAX_DAYS = 36500

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS = re.compile(r"[^@\s,;<>]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
_PLACE = re.compile(
    r"(?P<host>([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]*)*"
)
_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")


def require(holds: object, key: str, allowed: str) -> None:
    """Raises Misconfigured with `key` and what is allowed unless `holds`."""
    if not holds:
        raise Misconfigured(f"{key}: {allowed}")


def quoted(name: str) -> str:
    """A key as TOML writes it, on one line: bare where it may be, else in quotes."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def is_whole(value: object, least: int, most: int) -> bool:
    """Whether it is a whole number from `least` to `most`; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def require_days(value: object, key: str) -> None:
    """Raises Misconfigured unless `value` is a number of days that S3 can count, or None."""
    require(value is None or is_whole(value, 1, MAX_DAYS), key, f"must be from 1 day to {MAX_DAYS} days")


def require_addresses(addresses: tuple[str, ...], key: str) -> None:
    """Raises Misconfigured unless all are mail addresses, each named once."""
    for address in addresses:
        require(_ADDRESS.fullmatch(address), key, f"must be mail addresses, and {address!r} is none")
    require(len(set(addresses)) == len(addresses), key, "must name each address once")


def require_secret(name: str, key: str) -> None:
    """Raises Misconfigured unless Secrets Manager could have a secret of that name."""
    require(_SECRET.fullmatch(name), key, "must be a name in Secrets Manager: letters, digits and /_+=.@-")


def is_place(text: str) -> bool:
    """Whether it is what a URL has after its scheme: a host, perhaps a port and a path, and nothing else."""
    match = _PLACE.fullmatch(text)
    if not match or not 0 < int(match["port"] or 443) < 2**16:
        return False
    try:
        return not match["host"].startswith("[") or bool(IPv6Address(match["host"].strip("[]")))
    except ValueError:
        return False


def is_page(text: str) -> bool:
    """Whether it is the https:// address of a page or an endpoint, without query and fragment."""
    scheme, _, rest = text.partition("://")
    return scheme.lower() == "https" and is_place(rest)


def is_zone(name: str) -> bool:
    """Whether it is a time zone of the IANA's list, such as Europe/Berlin."""
    try:
        return bool(ZoneInfo(name))
    except (KeyError, OSError, ValueError):  # not there, a folder of zones, a path out of the list
        return False
