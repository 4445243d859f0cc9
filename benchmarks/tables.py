"""What was measured, as a page of Markdown with plots in SVG beside it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Cell = str | float | int


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One measurement. `plot` names the column that is drawn, a bar for each row."""

    title: str
    says: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    plot: str | None = None


_LONGEST = 4
"""Times the middle one may a bar be long."""


def page(parts: Sequence[Mapping[str, Any]]) -> str:
    """The page, out of the parts as they were kept."""
    lines = [
        "# Benchmarks",
        "",
        "`make bench` writes this page; nothing in it is typed by hand. CPU is that of the process that is measured.",
        "Ratios are within one run, in which the ways took turns.",
        "[Where the processor's time goes](decisions/0011-where-the-processors-time-goes.md) and",
        "[what a cold start pays for](decisions/0012-what-a-cold-start-pays-for.md) have the steps one by one.",
    ]
    for part in parts:
        for table in part["tables"]:
            lines += ["", f"## {table['title']}", "", table["says"], "", f"*{part['measured']}*", ""]
            if table["plot"]:
                lines += [f"![{table['title']}](benchmarks/{_file_name(table['title'])})", ""]
            lines += _grid(table["columns"], table["rows"])
    return "\n".join(lines) + "\n"


def markdown(table: Table) -> Sequence[str]:
    """The lines of a table."""
    return _grid(table.columns, table.rows)


def _grid(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Sequence[str]:
    return [_row(columns), _row(["---"] * len(columns)), *(_row([_text(cell) for cell in row]) for row in rows)]


def machine() -> str:
    """What it ran on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {cpu}, {system}, load {load}"


def svg(table: Table) -> str:
    """Bars, one for each row that has a number in the plotted column; the texts in front of it are its label.

    One that would be much longer than most is cut off: its number says how long it is.
    """
    assert table.plot is not None
    at = list(table.columns).index(table.plot)
    bars = [
        (", ".join(str(cell) for cell in row if isinstance(cell, str)), float(row[at]))
        for row in table.rows
        if isinstance(row[at], (int, float))
    ]
    most = min(max(value for _, value in bars), _LONGEST * sorted(value for _, value in bars)[len(bars) // 2]) or 1.0
    height = 22 * len(bars) + 30
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(table.title)}: {escape(table.plot)}">',
        f'<rect width="760" height="{height}" fill="white"/>',
        f'<text x="10" y="18" fill="#222">{escape(table.plot)}</text>',
    ]
    for number, (label, value) in enumerate(bars):
        y, width = 30 + 22 * number, 360 * min(value / most, 1)
        drawn.append(f'<text x="290" y="{y + 13}" text-anchor="end" fill="#222">{escape(label)}</text>')
        drawn.append(f'<rect x="300" y="{y}" width="{width:.1f}" height="17" fill="{_colour(label)}"/>')
        drawn.append(f'<text x="{306 + width:.1f}" y="{y + 13}" fill="#222">{_text(value)}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def keep(part: str, tables: Sequence[Table], docs: Path) -> None:
    """The figures of one part and their plots into `docs/benchmarks`, in place of those of an earlier run."""
    folder = docs / "benchmarks"
    folder.mkdir(exist_ok=True)
    kept = {"measured": f"{datetime.now(UTC):%Y-%m-%d}, {machine()}", "tables": [asdict(table) for table in tables]}
    (folder / f"{part}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    for table in tables:
        if table.plot:
            (folder / _file_name(table.title)).write_text(svg(table))


def write_page(parts: Sequence[str], docs: Path) -> None:
    """`benchmarks.md` from the parts that were measured at some time, in this order."""
    files = [docs / "benchmarks" / f"{part}.json" for part in parts]
    kept = [json.loads(file.read_text()) for file in files if file.exists()]
    (docs / "benchmarks.md").write_text(page(kept))


def printed(table: Table) -> str:
    """For a terminal."""
    cells = [list(table.columns), *[[_text(cell) for cell in row] for row in table.rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([table.title, "", *lines, ""])


def _file_name(title: str) -> str:
    return "-".join("".join(each if each.isalnum() else " " for each in title.lower()).split()) + ".svg"


def _colour(label: str) -> str:
    return "#1f6f5c" if "ours" in label else "#8a97a6"


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(path: str) -> Sequence[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else ()
