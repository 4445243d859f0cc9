"""The options of `recordings local`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

STANDARD_INPUT = Path("-")
"""As `secrets`: they are read from standard input."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The command line of a local run. `ledger` is a file outside the folder; `engine` None is the built-in one.

    `zone` is how people see times; None is the archive's.
    """

    deployment: Path
    secrets: Path
    out: Path
    webhook_port: int | None = None
    keep_running: bool = False
    real_time: bool = False
    skip_waits: bool = False
    reconcile: bool = False
    on_trouble: str | None = None
    ledger: Path | None = None
    dry_run: bool = False
    sign_key: Path | None = None
    engine: str | None = None
    zone: tzinfo | None = None

    @property
    def serves(self) -> bool:
        """Whether the run goes on until it is stopped; its schedules fire as on AWS then."""
        return self.keep_running or self.webhook_port is not None
