"""The fence around one source in a table and a bucket that several share: its functions write nothing of another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from functions.archiver.bucket.bucket import Bucket
from functions.archiver.ledger.table import Table

_TABLE_WRITES = ("put_new", "update", "delete")
_BUCKET_WRITES = ("put_new", "put", "begin", "send_part", "complete", "abort", "set_hold", "delete")
_OF_ALL = "seals/public-key-"


class Trespass(AssertionError):
    """A function of one source wrote something that is not its own, or deleted something."""


class _FencedTable:
    def __init__(self, table: Table, source: str) -> None:
        self._table = table
        self._source = source

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._table, name)
        if name not in _TABLE_WRITES:
            return call

        def write(first: Any, /, **named: Any) -> Any:
            pk = str(first["pk"]) if isinstance(first, Mapping) else str(first)
            if not pk.startswith(f"{self._source}#"):
                raise Trespass(f"{self._source} writes {pk}")
            return call(first, **named)

        return write


class _FencedBucket:
    def __init__(self, bucket: Bucket, source: str) -> None:
        self._bucket = bucket
        self._source = source

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._bucket, name)
        if name not in _BUCKET_WRITES:
            return call

        def write(key: str, /, *given: Any, **named: Any) -> Any:
            own = f"/source={self._source}/" in key or key.startswith(_OF_ALL)
            if name == "delete" or not own:
                raise Trespass(f"{self._source}: {name} of {key}")
            return call(key, *given, **named)

        return write


def fenced_table(table: Table, source: str) -> Table:
    """The table, of which this source's functions may write their own items."""
    return cast("Table", _FencedTable(table, source))


def fenced_bucket(bucket: Bucket, source: str) -> Bucket:
    """The bucket, of which this source's functions may write their own keys and delete nothing."""
    return cast("Bucket", _FencedBucket(bucket, source))
