"""One recording: its page, its bytes, and what is done with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from flask import Flask, Response, abort, redirect, render_template, request
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as AnyResponse

from ops.index.rows import Row
from ops.page.basket import Basket
from ops.page.texts import from_path, in_path, unplayable
from ops.page.view import Media, NotLogged, Refused, View

PIECE_BYTES = 8 * 1024 * 1024
"""What a request without an end gets at once; the player asks for the next piece when it needs it."""

WITH_BYTES = ("archived", "altered", "quarantined")
_RANGE = re.compile(r"bytes=(\d{0,30})-(\d{0,30})")

_BEYOND = 2**62
"""Where no recording has a byte: of the last 0 bytes there is none."""


def address_of(row: Row) -> str:
    """The page of a recording."""
    return f"/r/{in_path(row.source)}/{in_path(row.recording_id)}"


class Pages:
    """Routes about one recording."""

    def __init__(
        self,
        view: View,
        identity: Callable[[], str],
        basket: Basket,
        *,
        read_only: bool,
        reason_required: bool,
    ) -> None:
        self._view = view
        self._identity = identity
        self._basket = basket
        self._read_only = read_only
        self._reason_required = reason_required
        self._listening: dict[tuple[str, str], str] = {}
        self._heard: set[tuple[str, str]] = set()

    def add_to(self, app: Flask) -> None:
        """Adds the routes."""
        app.add_url_rule("/r/<source>/<segment>", view_func=self.recording)
        app.add_url_rule("/r/<source>/<segment>", endpoint="change", view_func=self.change, methods=["POST"])
        app.add_url_rule("/media/<source>/<segment>", view_func=self.media)
        app.add_url_rule("/download/<source>/<segment>", view_func=self.download)

    def _row(self, source: str, segment: str) -> Row:
        with closing(self._view.index()) as index:
            row = index.get(from_path(source), from_path(segment))
        if row is None:
            abort(404, "The archive has no such recording. It may not be in the index yet, or it was erased.")
        return row

    def recording(self, source: str, segment: str) -> str:
        """Everything known of one recording. Its view is recorded before anything is shown."""
        row = self._row(source, segment)
        self._heard.discard((row.source, row.recording_id))  # each opening of the page is a listening of its own
        player, log_trouble = self._player(row), None
        try:
            self._view.record(self._identity(), "view", row)
        except NotLogged as trouble:
            player, log_trouble = "", str(trouble)
        with closing(self._view.index()) as index:
            call = index.of_call(row.source, row.call_id) if row.call_id else []
        return render_template(
            "recording.html",
            row=row,
            details=self._view.details(row),
            player=player,
            log_trouble=log_trouble,
            unheard_codec=unplayable(row.codec),
            call=[each for each in call if each.recording_id != row.recording_id],
            asked_for_altered=bool(request.args.get("listen")),
            said=request.args.get("said", "")[:500],
        )

    def _player(self, row: Row) -> str:
        """`ready`, `reason` where a reason has to be given first, `ask` for altered bytes, or empty for none."""
        if row.state not in ("archived", "altered") or unplayable(row.codec):
            return ""
        if self._reason_required and (row.source, row.recording_id) not in self._listening:
            return "reason"
        return "ask" if row.state == "altered" and not request.args.get("listen") else "ready"

    def media(self, source: str, segment: str) -> Response:
        """Bytes for the player, a range at a time; a listening is recorded before the first of them."""
        row = self._row(source, segment)
        if row.state not in ("archived", "altered"):
            abort(404, "There is nothing to play.")
        picked = (row.source, row.recording_id)
        if self._reason_required and picked not in self._listening:
            abort(403, "Give a reason on the recording's page first.")
        asked = _range(request.headers)
        if picked not in self._heard:
            self._view.record(self._identity(), "listen", row, self._listening.get(picked, ""))
            self._heard.add(picked)
        return self._answer(row, asked)

    def download(self, source: str, segment: str) -> Response:
        """The original bytes as a file. Recorded before the first of them."""
        row = self._row(source, segment)
        if row.state not in WITH_BYTES:
            abort(404, "There is nothing to download.")
        reason = self._listening.get((row.source, row.recording_id), "")
        if self._reason_required and not reason:
            abort(403, "Give a reason on the recording's page first.")
        self._view.record(self._identity(), "download", row, reason)
        return self._answer(row, None)

    def _answer(self, row: Row, asked: tuple[int, int | None] | None) -> Response:
        try:
            media = self._view.media(row, *(asked or (0, None)))
        except LookupError:
            abort(404, "The archive holds no bytes of this recording.")
        if asked and media.first >= media.total:
            return Response(status=416, headers={"Content-Range": f"bytes */{media.total}"})
        response = Response(media.chunks, 206 if asked else 200, content_type=media.content_type)
        response.headers["Content-Length"] = str(media.last - media.first + 1)
        response.headers["Accept-Ranges"] = "bytes"
        if asked:
            response.headers["Content-Range"] = f"bytes {media.first}-{media.last}/{media.total}"
        else:
            response.headers["Content-Disposition"] = _attachment(media)
        return response

    def change(self, source: str, segment: str) -> AnyResponse:
        """Hold, retry, or a reason for listening."""
        row = self._row(source, segment)
        do, said = request.form.get("do", ""), ""
        if do == "reason":
            reason = request.form.get("reason", "").strip()[:500]
            if not reason:
                raise Refused("Give a reason: who asked for it, or the case's name.")
            self._listening[(row.source, row.recording_id)] = reason
            return redirect(f"{address_of(row)}?listen=1#player", 303)
        if self._read_only:
            raise Refused("This page was started with --read-only.")
        if do == "hold":
            case = request.form.get("case", "").strip()[:100]
            if not case:
                raise Refused("Give the case a name.")
            said = self._view.hold(self._identity(), case, request.form.get("reason", "").strip()[:500], [row])
        elif do == "retry":
            said = self._view.retry(self._identity(), [row])
        else:
            abort(400, "Unknown action.")
        return redirect(f"{address_of(row)}?said={quote(said)}", 303)


def _range(headers: Headers) -> tuple[int, int | None] | None:
    """First and last byte of a Range, the first one counted from the end where it is negative.

    None means all of it: no Range, none that can be read, several at once, or one on a condition (If-Range), which
    nothing that is sent here can fulfil.
    """
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if not match or not (match[1] or match[2]) or "If-Range" in headers:
        return None
    if not match[1]:
        return -int(match[2]) or _BEYOND, None
    first = int(match[1])
    if not match[2]:
        return first, first + PIECE_BYTES - 1
    return (first, int(match[2])) if first <= int(match[2]) else None


def _attachment(media: Media) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", media.filename)[-100:] or "recording"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(media.filename, safe='')}"
