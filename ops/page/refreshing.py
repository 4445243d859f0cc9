"""Keeps the page's search index fresh in the background, and says how far it is."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import datetime

from ops.archive.archive import Archive
from ops.index.index import Index
from ops.index.refresh import as_of, refresh
from ops.page.view import Progress
from ops.shell.failures import failure_of

EVERY_SECONDS = 60.0


class Refresher:
    """One thread that refreshes once a minute. A refresh that fails is told on the page, and tried again."""

    def __init__(self, archive: Archive, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._archive = archive
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    def start(self) -> None:
        """Begins; a first build may take minutes."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the refresh that is going on, which is not waited for: a build goes on another time."""
        self._stopped.set()

    def progress(self, index: Index) -> Progress:
        """As an index that is read now shows it."""
        moment: datetime | None = as_of(index)
        rows = sum(sum(states.values()) for states in index.totals().values()) if moment is None else 0
        return Progress(rows=rows, as_of=moment, building=moment is None, trouble=self._trouble)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.refresh_once()
            self._stopped.wait(self._every_seconds)

    def refresh_once(self) -> None:
        """A refresh; whatever is in its way becomes a sentence on the page."""
        try:
            with closing(refresh(self._archive)):
                self._trouble = None
        except Exception as error:
            self._trouble = f"What is shown may be old: {failure_of(error).message}"
