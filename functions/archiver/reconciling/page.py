"""Reports as one static page: no script and nothing from elsewhere. Whatever a provider says is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from functions.archiver.reconciling.cells import LEGEND, Cell, archived_by_day, cell_of

Days = Sequence[Mapping[str, Any]]

MAX_NAMED = 1000

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1b1b1b; background: #fff }
table { border-collapse: collapse } th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid #bbb }
td, th[scope=row] { white-space: nowrap } caption { text-align: left } .legend { white-space: pre-wrap }
.scroll { overflow-x: auto } .missing, .altered { background: #fde3e0 }
.unclean, .in-work { background: #fdf3d0 } a { color: inherit }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #161616 } .missing, .altered { background: #5a1f1a }
  .unclean, .in-work { background: #4d3f0c } th, td { border-color: #555 }
}
"""

_COLUMNS = ("recording_id", "call_id", "recorded_at", "what", "reason", "attempts", "due_at", "key")


def page(rows: Mapping[str, Days], *, made_at: str) -> str:
    """The days of each source as a table, then every day that differs with its recordings by name."""
    days = sorted({str(day["date"]) for row in rows.values() for day in row})
    body = [
        "<h1>Completeness</h1>",
        f'<p>Made at {escape(made_at)}. Days are UTC.</p><p class="legend">{escape(LEGEND)}</p>',
        f'<div class="scroll" tabindex="0">{_table(rows, days)}</div>',
        *(_section(source, day) for source, row in rows.items() for day in row if day["state"] != "not looked"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Completeness</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def _table(rows: Mapping[str, Days], days: Sequence[str]) -> str:
    heads = "".join(f'<th scope="col">{day}</th>' for day in days)
    lines = [f'<tr><th scope="col">source</th>{heads}<th scope="col">archived</th></tr>']
    for source, row in rows.items():
        by_day = {str(day["date"]): day for day in row}
        cells = "".join(_cell(source, by_day.get(day), day) for day in days)
        archived = sum(int(day.get("archived", 0)) for day in row)
        lines.append(f'<tr><th scope="row">{escape(source)}</th>{cells}<td>{archived}</td></tr>')
    if len(rows) > 1:
        lines.append(_sums(rows, days))
    return "<table><caption>Recordings by day of recording</caption>\n" + "\n".join(lines) + "</table>"


def _sums(rows: Mapping[str, Days], days: Sequence[str]) -> str:
    archived = archived_by_day(rows.values())
    cells = "".join(f"<td>{archived[day]}</td>" for day in days)
    return f'<tr><th scope="row">all</th>{cells}<td>{archived.total()}</td></tr>'


def _cell(source: str, day: Mapping[str, Any] | None, name: str) -> str:
    if day is None or day["state"] == "not looked":
        return '<td aria-label="not looked at">– no report</td>'
    cell = cell_of(day)
    target = escape(f"#{source}-{name}", quote=True)
    spoken = escape(cell.spoken, quote=True)
    return f'<td class="{_class(cell)}"><a href="{target}" aria-label="{spoken}">{escape(cell.text)}</a></td>'


def _class(cell: Cell) -> str:
    return cell.state.replace(" ", "-")


def _section(source: str, day: Mapping[str, Any]) -> str:
    named = list(day.get("differences", ()))[:MAX_NAMED]
    name = escape(str(day["date"]), quote=True)
    title = f'<h2 id="{escape(source, quote=True)}-{name}">{escape(source)}, {name}</h2>'
    counts = cell_of(day).spoken.partition(": ")[2]  # the title has the day
    facts = f"<p>{escape(counts)}; in the ledger {day['ledger']}, in the bucket {day['bucket']}.</p>"
    if day.get("deletes_on"):
        facts += f"<p>The provider begins to delete this day on {escape(str(day['deletes_on']))}.</p>"
    if not named:
        return title + facts
    heads = "".join(f'<th scope="col">{name.replace("_", " ")}</th>' for name in _COLUMNS)
    lines = "".join(f"<tr>{''.join(_fact(each.get(name)) for name in _COLUMNS)}</tr>\n" for each in named)
    return f'{title}{facts}<div class="scroll" tabindex="0"><table><tr>{heads}</tr>\n{lines}</table></div>'


def _fact(value: object) -> str:
    return f"<td>{'' if value is None else escape(str(value))}</td>"
