"""A request as it goes out: what the caller gave, in the form that HTTP has for it, secrets in clear."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from urllib.parse import urlencode

from urllib3.util import Url

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json
from functions.archiver.secret import Secret
from functions.archiver.version import USER_AGENT

Value = str | int | Secret
Values = Mapping[str, "Value | Sequence[Value] | None"]

_OURS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[^\s\x00][^\r\n\x00]*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A request as it goes out: method, path and query, headers and body."""

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def request_to(
    url: Url, method: str, *, headers: Mapping[str, str], params: Values | None, form: Values | None, json: Json
) -> Sent:
    """A request; `params` come behind those of `url`. Raises ValueError for what HTTP or JSON has no form for."""
    body, kind = None, None
    if pairs := _reveal(form):
        body, kind = urlencode(pairs).encode(), _FORM
    elif json is not None:
        body, kind = json_module.dumps(json, allow_nan=False).encode(), _JSON
    return Sent(method=method, target=_target(url, params), headers=_headers(headers, kind), body=body)


def _target(url: Url, params: Values | None) -> str:
    added = urlencode(_reveal(params))
    if not added:
        return url.request_uri
    return url._replace(query=f"{url.query}&{added}" if url.query else added).request_uri


def _headers(given: Mapping[str, str], content_type: str | None) -> dict[str, str]:
    """Those given, before our own of the same name; except that nothing but identity is asked for."""
    headers = {**_OURS, **({"Content-Type": content_type} if content_type else {})}
    named = {name.lower(): name for name in headers}
    for name, value in given.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError("a header that cannot be sent")
        if name.lower() != "accept-encoding":
            headers.pop(named.get(name.lower(), ""), None)
            headers[name] = value
    return headers


def _reveal(values: Values | None) -> list[tuple[str, str]]:
    """Name and value pairs in the order given."""
    pairs: list[tuple[str, str]] = []
    for name, value in (values or {}).items():
        several = [value] if value is None or isinstance(value, (str, int, Secret)) else value
        pairs += [(name, _text(each)) for each in several if each is not None]
    return pairs


def _text(value: Value) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
