"""The verb `page`: opens an archive, serves its page on loopback, and keeps the index fresh beside it."""

from __future__ import annotations

import functools
import os
import sys
import webbrowser
from dataclasses import dataclass

from ops.archive.opening import open_archive
from ops.page.app import create_app
from ops.page.archive_view import ArchiveView
from ops.page.refreshing import Refresher
from ops.page.serve import served
from ops.shell.output import ExitCode, Failure
from ops.shell.signals import stopping
from ops.shell.verb import Shared


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOptions:
    """The options of `page`."""

    port: int = 0
    opens: bool = True
    reason_required: bool = False
    read_only: bool = False


def page(shared: Shared, asked: PageOptions) -> ExitCode:
    """Serves until a signal or half an hour without a request. Raises Failure."""
    archive = open_archive(shared)
    zone = shared.zone or archive.zone
    who = archive.person.name
    output = shared.output(zone)
    refresher = Refresher(archive)
    writable = functools.cache(lambda: open_archive(shared, writes=True))
    view = ArchiveView(archive, zone=zone, refresher=refresher, writable=writable)
    app = create_app(view, lambda: who, read_only=asked.read_only, reason_required=asked.reason_required)
    stopped = stopping()
    try:
        with served(app, asked.port) as (address, wait):
            output.document({"url": address})
            if not output.as_json:
                print(address, flush=True)
            sys.stdout.flush()
            refresher.start()
            if asked.opens and _has_a_screen():
                webbrowser.open(address)
            wait(stopped)
    except OSError as error:
        raise Failure(ExitCode.UNAVAILABLE, f"port {asked.port}: {(error.strerror or 'is taken').lower()}") from None
    finally:
        refresher.stop()
    if stopped.is_set():
        output.note("stopped by you")
        return stopped.code
    output.note("no request for half an hour")
    return ExitCode.DONE


def _has_a_screen() -> bool:
    """Without one a browser would take this very terminal."""
    return sys.stdout.isatty() and (
        sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    )
