"""Sources of a folder that imports have filled, and no run has ever looked after."""

from __future__ import annotations

from functions.archiver.vitals import Vitals
from ops.archive.archive import Archive
from ops.archive.folder import FolderArchive


def is_imported(archive: Archive, source: str, vitals: Vitals) -> bool:
    """Whether nobody lists the source, because all that it holds was brought by imports. On AWS a tick always does."""
    if not isinstance(archive, FolderArchive) or vitals.signs.ticked_at is not None or vitals.progress.walks:
        return False
    return archive.counts(source).numbers["archived"] > 0
