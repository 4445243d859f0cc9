"""The same archive in a folder and on AWS, as the command finds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.clock import Clock
from functions.archiver.ledger.ledger import Ledger
from functions.archiver.ledger.table import Table
from functions.archiver.listing.cursors import CursorStore, Walk
from functions.archiver.settings.deployment import Archive, Deployment
from functions.archiver.vitals import VitalsReader
from ops.__main__ import main
from ops.archive.folder import FolderArchive
from ops.archive.identity import keep_identity
from ops.archive.opening import open_deployed
from ops.local.engine.sqlite_table import SqliteTable
from ops.shell.verb import Shared
from tests.doubles.aws import REGION, aws
from tests.harness.deployed import ARCHIVE, a_source, deploy

KINDS = ("folder", "stack")


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """An archive with the sources acme and dialer. `where` is what `-a` takes."""

    kind: str
    where: str
    table: Table
    bucket: Bucket

    def run(self, *words: str) -> int:
        """One verb on it."""
        return main(["-a", self.where, "--region", REGION, *words])

    def ledger(self, source: str = "acme") -> Ledger:
        return Ledger(self.table, source=source, clock=Clock())

    def look_after(self, *sources: str) -> None:
        """As a tick and a listing that found nothing wrong leave these sources."""
        now = Clock().now()
        for source in sources or ("acme", "dialer"):
            VitalsReader(self.table, source=source, clock=Clock()).mark(requests_per_minute=30, lanes=1)
            cursors = CursorStore(self.table, source=source, owner="lister", clock=Clock())
            assert cursors.acquire()
            cursors.keep(Walk(name="forward", position=now, end=now, width=now - now))
            cursors.release()


@contextmanager
def given_archive(kind: str, folder: Path, *, with_functions: bool = False) -> Iterator[Given]:
    """An empty archive of this kind; `with_functions` as `deploy` has it."""
    sources = [a_source("acme"), a_source("dialer")]
    if kind == "stack":
        with aws() as made:
            os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            deploy(made, *sources, with_functions=with_functions)
            archive = open_deployed(Shared(path="x", archive=ARCHIVE, region=REGION))
            yield Given(kind=kind, where=ARCHIVE, table=archive.table, bucket=archive.bucket)
        return
    root = folder / "archive"
    root.mkdir()
    keep_identity(root, Deployment(archive=Archive(name="phones"), sources=tuple(sources)))
    SqliteTable(root / ".archive" / "ledger.sqlite").close()
    local = FolderArchive(root, writes=True)
    yield Given(kind=kind, where=str(root), table=local.table, bucket=local.bucket)
    local.table.close()
