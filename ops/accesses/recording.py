"""Records accesses to one archive, in the name of whoever is at work."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ops.accesses.access import Access, AccessLog, NotRecorded, What
from ops.archive.archive import Archive
from ops.shell.output import ExitCode, Failure
from ops.shell.version import version


def log_of(archive: Archive) -> AccessLog:
    """Where the archive keeps its records."""
    from ops.archive.folder import FolderArchive

    if isinstance(archive, FolderArchive):
        from ops.accesses.local import LocalLog

        return LocalLog(archive.root)
    from ops.accesses.deployed import DeployedLog

    return DeployedLog(archive.bucket, archive.person.user_id)


class Recorder:
    """Writes records down, each before what it is about happens."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    @functools.cached_property
    def _log(self) -> AccessLog:
        return log_of(self._archive)

    @functools.cached_property
    def _version(self) -> str:
        return version()

    def record(self, what: What, source: str, recording_id: str, reason: str = "", *, who: str | None = None) -> None:
        """Returns when it is written; `who` is somebody else than the archive knows of. Raises NotRecorded."""
        name = who or self._archive.person.name
        now = datetime.now(UTC)
        self._log.write(Access.of(what, source, recording_id, at=now, who=name, reason=reason, version=self._version))

    def record_all(self, what: What, recordings: Iterable[tuple[str, str]], reason: str) -> None:
        """Source and id of each. Raises Failure (UNAVAILABLE) where one cannot be written: then nothing may be done."""
        with ThreadPoolExecutor(self._log.writers) as writers:
            try:
                for _ in writers.map(lambda each: self.record(what, each[0], each[1], reason), recordings):
                    pass
            except NotRecorded as trouble:
                writers.shutdown(cancel_futures=True)
                sentence = f"nothing was done, because it could not be recorded: {trouble}"
                raise Failure(ExitCode.UNAVAILABLE, sentence, kind="not_recorded") from None
