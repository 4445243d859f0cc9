"""docs/providers.md: its table is made from the declarations of the providers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from functions.archiver.provider.declaration import Declaration, Option
from functions.providers import load, names
from ops.shell.version import ROOT

PAGE = ROOT / "docs" / "providers.md"
_BLOCK = re.compile(r"(<!-- generated: make fix -->\n).*?(<!-- end -->)", re.DOTALL)


def page_as_it_should_be() -> str:
    """The page with its generated part made anew."""
    text = PAGE.read_text(encoding="utf-8")
    generated = re.sub(r"\n{3,}", "\n\n", "\n".join(_lines())).strip()
    return _BLOCK.sub(lambda match: f"{match[1]}\n{generated}\n\n{match[2]}", text)


def write() -> Path:
    """Brings the page up to date; where it is, from the project's root."""
    PAGE.write_text(page_as_it_should_be(), encoding="utf-8")
    return PAGE.relative_to(ROOT)


def _lines() -> Iterator[str]:
    declarations = {name: load(name).declaration for name in names()}
    yield "| | " + " | ".join(declaration.title for declaration in declarations.values()) + " |"
    yield "| --- " * (len(declarations) + 1) + "|"
    for heading, cell in _ROWS.items():
        yield f"| {heading} | " + " | ".join(cell(declaration) for declaration in declarations.values()) + " |"
    for name, declaration in declarations.items():
        yield f"\n### {declaration.title}\n"
        yield f'`provider = "{name}"`; secret: {_secret(declaration)}.\n'
        yield from (_option(option) for option in declaration.options)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _span(span: timedelta | None) -> str:
    if span is None:
        return "–"
    return f"{span.days} days" if span.days > 1 else f"{span.total_seconds() / 3600:g} hours"


def _deletes(declaration: Declaration) -> str:
    what = {"file": "one recording", "call": "a whole call", None: "no"}[declaration.deletes]
    return f"{what}, or several at once" if declaration.deletes_many else what


def _listing_text(declaration: Declaration) -> str:
    clock = {"start": "start", "end": "end", "created": "creation"}[declaration.filter_clock]
    return f"day of {clock}" if declaration.granularity else clock


def _retention_text(declaration: Declaration) -> str:
    count = declaration.retention_count
    return _span(declaration.retention) + (f", the newest {count:,}" if count else "")


_ROWS: Mapping[str, Callable[[Declaration], str]] = {
    "requests a minute, by default": lambda d: str(d.rate_default),
    "downloads at a time, by default": lambda d: str(d.parallel_default),
    "overlap, at the least": lambda d: _span(d.overlap_minimum),
    "listed by": _listing_text,
    "longest window": lambda d: _span(d.max_window),
    "kept by the provider": _retention_text,
    "tells sizes": lambda d: _yes(d.reports_size),
    "transcripts": lambda d: _yes(d.transcripts),
    "deletes": _deletes,
    "takes notes": lambda d: _yes(d.annotates),
    "takes uploads": lambda d: _yes(d.uploads),
    "webhooks verified by": lambda d: " or ".join(d.webhook) or "–",
    "verified against": lambda d: d.verified,
}


def _secret(declaration: Declaration) -> str:
    shapes = ("`{" + ", ".join(shape) + "}`" for shape in declaration.secret_fields)
    return " or ".join(shapes)


def _option(option: Option) -> str:
    need = (
        "required" if option.required else f"default `{option.default}`" if option.default is not None else "optional"
    )
    fields = f" with {', '.join(option.fields)}" if option.fields else ""
    return f"* `{option.name}` ({option.kind}{fields}, {need}): {option.help}"
