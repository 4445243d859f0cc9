"""The command of `--on-trouble`."""

from __future__ import annotations

import subprocess

from ops.local.archive import FolderArchive
from ops.local.ending import Verdict
from ops.shell.output import ExitCode

_SECONDS = 60


class OnTrouble:
    """Runs the user's command once for each change of the verdict, with the verdict as its standard input."""

    def __init__(self, command: str | None, archive: FolderArchive) -> None:
        self._command = command
        self._archive = archive

    def tell(self, verdict: Verdict) -> None:
        """Runs the command if `verdict` is trouble and differs from the last one, which a file remembers."""
        if self._command is None:
            return
        file = self._archive.inside / "verdict"
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        now = "" if verdict.code is ExitCode.DONE else verdict.text
        if now == before:
            return
        self._archive.bucket.workshop.replace(file, [now.encode()])
        if now:
            # The command is a line for the shell by its definition, and the user's own.
            subprocess.run(self._command, shell=True, input=now, text=True, check=False, timeout=_SECONDS)  # noqa: S602 - see above
