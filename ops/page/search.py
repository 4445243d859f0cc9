"""The pages that list: search, holds, the case basket, accesses, keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Flask, redirect, render_template, request
from werkzeug.wrappers import Response

from ops.index.query import BadQuery
from ops.index.rows import Row
from ops.page.basket import Basket
from ops.page.filters import LENGTHS, STATES, Filters, count_text, cursor_of, cursor_text
from ops.page.view import Refused, View

PAGE_ROWS = 50
ACCESS_DAYS = 30


class Pages:
    """Routes that show many recordings, and what is done with a basket of them."""

    def __init__(self, view: View, identity: Callable[[], str], basket: Basket, *, read_only: bool) -> None:
        self._view = view
        self._identity = identity
        self._basket = basket
        self._read_only = read_only

    def add_to(self, app: Flask) -> None:
        """Adds the routes."""
        app.add_url_rule("/", view_func=self.search)
        app.add_url_rule("/holds", view_func=self.holds)
        app.add_url_rule("/case", view_func=self.case)
        app.add_url_rule("/case/<name>", view_func=self.case)
        app.add_url_rule("/case", endpoint="change_case", view_func=self.change_case, methods=["POST"])
        app.add_url_rule("/accesses", view_func=self.accesses)
        app.add_url_rule("/keys", view_func=lambda: render_template("keys.html"), endpoint="keys")

    def search(self) -> str | tuple[str, int]:
        """The newest recordings, or those that fit the filters in the address."""
        filters = Filters.read(request.args)
        with closing(self._view.index()) as index:
            common = {
                "filters": filters,
                "progress": self._view.progress(),
                "sources": index.sources(),
                "states": STATES,
                "lengths": LENGTHS,
            }
            try:
                query = filters.query(self._view.zone)
                older, newer = cursor_of(request.args.get("older", "")), cursor_of(request.args.get("newer", ""))
                found = index.search(query, limit=PAGE_ROWS, older_than=older, newer_than=newer)
                count = index.count(query)
            except BadQuery as mistake:
                return render_template("search.html", mistake=str(mistake), rows=[], **common), 400
            return render_template(
                "search.html",
                rows=found.rows,
                count=count_text(count),
                older=filters.address(older=cursor_text(found.older)) if found.older else None,
                newer=filters.address(newer=cursor_text(found.newer)) if found.newer else None,
                loosened=[] if found.rows else list(filters.loosened(index, self._view.zone)),
                **common,
            )

    def holds(self) -> str:
        """All cases that hold something."""
        return render_template("holds.html", cases=self._view.cases())

    def case(self, name: str = "") -> str:
        """The basket, and what can be done with it."""
        with closing(self._view.index()) as index:
            rows = self._picked(index.get)
        return render_template("case.html", rows=rows, name=name, said=request.args.get("said", "")[:500])

    def change_case(self) -> Response:
        """Adds to the basket, takes out of it, holds or exports all of it."""
        do = request.form.get("do", "")
        source, recording_id = request.form.get("source", ""), request.form.get("id", "")
        if do == "add" and not self._basket.add(source, recording_id):
            raise Refused("The case is full. Export or hold it, then begin another one.")
        if do == "remove":
            self._basket.remove(source, recording_id)
        if do == "clear":
            self._basket.clear()
        if do in ("hold", "export"):
            return redirect(f"/case?{urlencode({'said': self._do_with_all(do)})}", 303)
        back = request.form.get("back", "")
        return redirect(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/case", 303)

    def _do_with_all(self, do: str) -> str:
        name, reason = request.form.get("case", "").strip()[:100], request.form.get("reason", "").strip()[:500]
        if not name:
            raise Refused("Give the case a name.")
        with closing(self._view.index()) as index:
            rows = self._picked(index.get)
        if not rows:
            raise Refused("The case is empty. Pick recordings with e, or with their button.")
        if do == "hold":
            if self._read_only:
                raise Refused("This page was started with --read-only.")
            return self._view.hold(self._identity(), name, reason, rows)
        return self._view.export(self._identity(), name, reason, rows)

    def _picked(self, get: Callable[[str, str], Row | None]) -> list[Row]:
        return [row for picked in self._basket if (row := get(*picked))]

    def accesses(self) -> str:
        """Accesses of the last thirty days."""
        today = datetime.now(self._view.zone).date()
        first = today - timedelta(days=ACCESS_DAYS)
        return render_template("accesses.html", lines=self._view.accesses(first, today), days=ACCESS_DAYS)
