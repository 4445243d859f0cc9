"""ledger.jsonl: a line for each recording of a folder, for people and their programs. It is written and never read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice

from ops.local.books import Books

_AT_ONCE = 500


def lines_of(books: Books) -> Iterator[bytes]:
    """Every source's recordings, those of other deployment files too; a few hundred in memory at a time."""
    for source in books.sources():
        rows = books.rows(source)
        while some := list(islice(rows, _AT_ONCE)):
            text = "".join(f"{json.dumps(_row(item), ensure_ascii=False)}\n" for item in some)
            yield text.encode("utf-8", "replace")


def _row(item: Mapping[str, object]) -> dict[str, object]:
    size = item.get("bytes")
    return {
        "source": item["source"],
        "recording_id": item["recording_id"],
        "call_id": item.get("call_id"),
        "recorded_at": item.get("recorded_at"),
        "state": item["state"],
        "attempts": int(str(item.get("attempts", 0))),
        "reason": item.get("reason"),
        "key": item.get("key"),
        "bytes": None if size is None else int(str(size)),
        "sha256": item.get("sha256"),
    }
