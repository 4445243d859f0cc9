"""What a provider can do and asks for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from functions.archiver.recording import (
    Json,
)

if TYPE_CHECKING:
    pass


OptionKind = Literal["text", "integer", "boolean", "texts", "tables"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One key of `[sources.<name>.options]`.

    `kind` is the TOML type: `texts` is an array of strings, `tables` an array of tables whose string or integer
    fields are `fields`. `choices` restricts texts. `pattern` is a regular expression that a text must match whole.
    """

    name: str
    help: str
    kind: OptionKind = "text"
    required: bool = False
    default: Json = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What a provider can do and asks for, as data. Nothing is found out by trying.

    `domains`: hosts under these names are the provider's own and share the source's request quota.
    `secret_fields`: the accepted shapes of the secret's JSON object, each a tuple of its keys.
    `public_fields`: keys of the secret that are ids rather than secrets.
    `overlap_minimum`: how far back the hourly listing reads at least; late rows appear that late.
    `max_window`: the longest span that one listing may ask for. `page_size`: rows asked for in a page.
    `retention`: how long the provider keeps recordings by default, where it is known.
    `webhook`: how its events are verified: "signature" over the raw body, or a shared "secret", or both in turn.
    `verified`: how well this client was checked, for the table in the docs.
    """

    title: str
    default_base_url: str | None = None
    domains: tuple[str, ...] = ()
    secret_fields: tuple[tuple[str, ...], ...]
    public_fields: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    rate_default: int
    parallel_default: int
    overlap_minimum: timedelta
    page_size: int = 100
    max_window: timedelta | None = None
    retention: timedelta | None = None
    reports_size: bool = False
    transcripts: bool = False
    deletes: Literal["file", "call"] | None = None
    deletes_many: bool = False
    annotates: bool = False
    uploads: bool = False
    webhook: tuple[Literal["signature", "secret"], ...] = ()
    verified: Literal["documentation only", "recorded traffic", "live account"] = "documentation only"
