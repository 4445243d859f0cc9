"""The report: four weeks of all sources as a table, and one day with its differences by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from flask import Flask, abort, render_template

from ops.page.texts import DAY_SIGNS, from_path
from ops.page.view import DayCell, View

SHOWN_DAYS = 28
_LEGEND = {
    "complete": "complete",
    "in work": "in work",
    "missing": "missing",
    "unclean": "not read cleanly",
    "altered": "altered",
    "today": "today",
    "not looked": "not looked",
    "gone": "deleted at the provider first",
}


class Pages:
    """Routes about days."""

    def __init__(self, view: View, identity: Callable[[], str]) -> None:
        self._view = view
        self._identity = identity

    def add_to(self, app: Flask) -> None:
        """Adds the routes."""
        app.add_url_rule("/days", view_func=self.days)
        app.add_url_rule("/day/<source>/<day>", view_func=self.day)
        app.jinja_env.filters["spoken_day"] = spoken

    def days(self) -> str:
        """The last 28 days."""
        today = datetime.now(self._view.zone).date()
        columns = [today - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]
        cells = self._view.days(columns[0], columns[-1])
        rows = by_source(cells)
        sums = [sum(row[day].counts.get("listed", 0) for row in rows.values() if day in row) for day in columns]
        totals = {name: sum(cell.counts.get("listed", 0) for cell in row.values()) for name, row in rows.items()}
        return render_template(
            "days.html", columns=columns, rows=rows, sums=sums, totals=totals, signs=DAY_SIGNS, legend=_LEGEND
        )

    def day(self, source: str, day: str) -> str:
        """One source's day."""
        try:
            when = date.fromisoformat(day)
        except ValueError:
            abort(404, "There is no such day.")
        cell = self._view.day(from_path(source), when)
        if cell is None:
            abort(404, "No report names this day. It appears after the next daily reconciliation.")
        return render_template("day.html", cell=cell)


def by_source(cells: Sequence[DayCell]) -> Mapping[str, Mapping[date, DayCell]]:
    """One row for each source, in the order of their names."""
    rows: dict[str, dict[date, DayCell]] = {}
    for cell in cells:
        rows.setdefault(cell.source, {})[cell.day] = cell
    return dict(sorted(rows.items()))


def spoken(cell: DayCell) -> str:
    """`27 November: 401 listed, 396 archived, 5 in work`, for those who hear the table."""
    counts = cell.counts
    parts = (
        [
            f"{counts[name]:,} {words}"
            for name, words in (
                ("listed", "listed"),
                ("archived", "archived"),
                ("in_work", "in work"),
                ("missing", "missing"),
                ("failed", "failed"),
                ("altered", "altered"),
                ("gone", "gone"),
            )
            if counts.get(name) or name == "listed"
        ]
        if counts
        else [_LEGEND[cell.state]]
    )
    return f"{cell.day:%-d %B}: {', '.join(parts)}"
