"""Runs functions at the same time, one step at a time: the test decides who goes on, and who dies where.

Each runs in a thread of its own that stands still at every `point()`; only one of them moves. The same decisions give
the same run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.doubles.aws_calls import Died


class Actor:
    """One invocation of a function. `error` is what it raised, once it is `over`."""

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.name = name
        self.over = False
        self.error: BaseException | None = None
        self._work = work
        self._dying = False
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Lets it run to its next point, or to its end."""
        self._go.release()
        self._stands.acquire()
        if self.over:
            self._thread.join()

    def die(self) -> None:
        """Ends it where it stands."""
        self._dying = True
        self.step()

    def stand(self) -> None:
        """Waits, in its own thread, until it may go on. Whoever dies does not tidy up: no point is passed any more."""
        if self._dying:
            raise Died(self.name)
        self._stands.release()
        self._go.acquire()
        if self._dying:
            raise Died(self.name)

    def _run(self) -> None:
        _here.actor = self
        self._go.acquire()
        try:
            if self._dying:
                raise Died(self.name)
            self._work()
        except BaseException as error:  # the test looks at it
            self.error = error
        self.over = True
        self._stands.release()


class _Here(threading.local):
    actor: Actor | None = None


_here = _Here()


def running() -> Actor | None:
    """Who runs in this thread; None in the test's own."""
    return _here.actor


def point() -> None:
    """A point at which somebody else may go on; nothing in the test's own thread."""
    if _here.actor is not None:
        _here.actor.stand()
