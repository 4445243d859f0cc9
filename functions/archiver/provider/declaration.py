"""A provider's abilities and requirements, as data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, cast

from functions.archiver.lazy_dataclass import dataclass
from functions.archiver.recording import Json

OptionKind = Literal["text", "origin", "integer", "boolean", "texts", "tables"]

Purpose = Literal["token", "media"]
"""What a further origin of a provider is for: requests for tokens, or for audio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One key of `[sources.<name>.options]`.

    `kind` is the TOML type: `texts` is an array of strings, `tables` an array of tables whose string or integer
    fields are `fields`. `choices` restricts texts. `pattern` is a regular expression that a text must match whole.
    An `origin` is a scheme and a host, which get the credentials with requests of `purpose`; its default may hold
    `{domain}`, the host of base_url without its first label.
    """

    name: str
    help: str
    kind: OptionKind = "text"
    required: bool = False
    default: Json = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    fields: tuple[str, ...] = ()
    purpose: Purpose | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A limit on some kinds of requests, beside the source's own rate, over all functions together.

    `kinds` are as `Http.call` is given them ("token", "list", "media" …). A day is one of UTC.
    """

    kinds: tuple[str, ...]
    per_minute: float | None = None
    per_day: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitHeaders:
    """The headers in which a provider speaks of its limits.

    `wait`: when to come back, the first that is there counts; seconds, a date, an ISO time, or a moment of Unix time.
    `remaining`: how many requests are left; at 0 the source slows down before it is refused. `otherwise`: how long to
    wait where a refusal says nothing. `too_fast`: statuses that mean it. `restarts`: a request while the source is to
    be left alone begins that time anew, so that everybody who waits for a slot looks again before asking.
    """

    wait: tuple[str, ...] = ("Retry-After",)
    remaining: tuple[str, ...] = ()
    otherwise: timedelta | None = None
    too_fast: tuple[int, ...] = (429,)
    restarts: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """A provider's abilities and requirements, as data. Nothing is found out by trying.

    `domains`: hosts under these names are the provider's own and share the source's request quota.
    `secret_fields`: the accepted shapes of the secret's JSON object, each a tuple of its keys.
    `public_fields`: keys of the secret that are ids rather than secrets.
    `shares_token`: the provider limits token requests, so that all functions of a source use one token.
    `overlap_minimum`: how far back the hourly listing reads at least; late rows appear that late.
    `filter_clock`: which moment of a recording the listing's filter goes by: its start, its end, or when the file was
    made. `granularity`: the unit of a filter that knows whole days only, of which windows are then made. `cursor_life`:
    an older cursor is not tried again.
    `max_window`: the longest span that one listing may ask for. `page_size`: rows asked for in a page.
    `retention`: how long the provider keeps recordings by default, where it is known. `retention_count`: how many
    it keeps at most, the newest ones.
    `deletes`: one recording at a time, or all of a call; `deletes_many`: several in one request. `lists_deleted`: what
    was deleted stays in the list for a while, or for good, so that the list proves no deletion.
    `webhook`: how its events are verified: "signature" over the raw body, or a shared "secret", or both in turn.
    `webhook_setup` says to a person what to enter where at the provider; `registers_webhooks`: its API does that.
    `verified`: how well this client was checked, for the table in the docs.
    """

    title: str
    default_base_url: str | None = None
    domains: tuple[str, ...] = ()
    secret_fields: tuple[tuple[str, ...], ...]
    public_fields: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    shares_token: bool = False
    rate_default: int
    limits: tuple[Limit, ...] = ()
    limit_headers: LimitHeaders = LimitHeaders()
    parallel_default: int
    overlap_minimum: timedelta
    page_size: int = 100
    filter_clock: Literal["start", "end", "created"] = "start"
    granularity: timedelta | None = None
    cursor_life: timedelta | None = None
    max_window: timedelta | None = None
    retention: timedelta | None = None
    retention_count: int | None = None
    reports_size: bool = False
    transcripts: bool = False
    deletes: Literal["file", "call"] | None = None
    deletes_many: bool = False
    lists_deleted: bool = False
    annotates: bool = False
    uploads: bool = False
    webhook: tuple[Literal["signature", "secret"], ...] = ()
    webhook_setup: str = ""
    registers_webhooks: bool = False
    verified: Literal["documentation only", "recorded traffic", "live account"] = "documentation only"

    def origins(self, options: Mapping[str, Json]) -> dict[Purpose, str]:
        """The further origins of a source with these options."""
        named = {option.purpose: options.get(option.name) for option in self.options if option.purpose}
        return {purpose: cast(str, url) for purpose, url in named.items() if url}
