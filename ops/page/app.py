"""The page as a plain WSGI application: it takes the person from one function and knows nothing of how it is served."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import HTTPException

from ops.index.query import BadQuery
from ops.page import days, recordings, search, texts
from ops.page.basket import Basket
from ops.page.guard import FORM_TOKEN
from ops.page.headers import HEADERS
from ops.page.view import NotLogged, Refused, Unreachable, View
from ops.shell.texts import bytes_text, length_text


def create_app(
    view: View, identity: Callable[[], str], *, read_only: bool = False, reason_required: bool = False
) -> Flask:
    """The app over one archive.

    `identity` names the person of the current request, for access records and holds. `read_only` takes hold, release
    and retry away (accesses are still recorded). `reason_required` asks why before anything is played.
    """
    app = Flask(__name__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config.update(MAX_CONTENT_LENGTH=64 * 1024)
    app.url_map.merge_slashes = False
    basket = Basket()
    recordings.Pages(view, identity, basket, read_only=read_only, reason_required=reason_required).add_to(app)
    search.Pages(view, identity, basket, read_only=read_only).add_to(app)
    days.Pages(view, identity).add_to(app)
    app.before_request(_check_form)
    app.after_request(_add_headers)
    _add_errors(app)
    _add_helpers(app, view, basket, read_only=read_only)
    return app


def _check_form() -> None:
    if request.method not in ("GET", "HEAD"):
        expected = str(request.environ.get(FORM_TOKEN, ""))
        given = request.form.get("form_token", "")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            abort(403, "This form is from another session. Go back, reload the page, and try again.")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _add_errors(app: Flask) -> None:
    def page(status: int, title: str, text: str) -> tuple[str, int]:
        return render_template("trouble.html", title=title, text=text), status

    @app.errorhandler(HTTPException)
    def refused_request(error: HTTPException) -> tuple[str, int]:
        return page(error.code or 500, error.name, error.description or "")

    @app.errorhandler(BadQuery)
    def bad_query(error: BadQuery) -> tuple[str, int]:
        return page(400, "This search cannot be understood", str(error))

    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[str, int]:
        return page(409, "Not done", str(error))

    @app.errorhandler(NotLogged)
    def not_logged(error: NotLogged) -> tuple[str, int]:
        text = f"Your access could not be written down, so nothing is shown or played. {error}"
        return page(503, "The access log cannot be written", text)

    @app.errorhandler(Unreachable)
    def unreachable(error: Unreachable) -> tuple[str, int]:
        return page(503, "The archive cannot be reached", str(error))


def _add_helpers(app: Flask, view: View, basket: Basket, *, read_only: bool) -> None:
    for helper in (
        *(length_text, bytes_text, texts.spoken_length, texts.utc_text, texts.in_path, texts.unplayable),
        *(texts.apart, texts.straight),
        recordings.address_of,
    ):
        app.jinja_env.filters[helper.__name__] = helper
    app.jinja_env.filters["local_text"] = lambda moment: texts.local_text(moment, view.zone)

    @app.context_processor
    def common() -> dict[str, object]:
        return {
            "archive": view.name,
            "zone": view.zone.key,
            "basket": basket,
            "read_only": read_only,
            "form_token": request.environ.get(FORM_TOKEN, ""),
            "state_words": texts.STATE_WORDS,
            "direction_words": texts.DIRECTION_WORDS,
            "day_signs": texts.DAY_SIGNS,
        }
