"""The record of deletions at the source: what was about to be asked for, with its proof, and what came of it.

erasures/at-source/source=<source>/date=<YYYY-MM-DD>/<time>-<random>.json        before the first request
erasures/at-source/source=<source>/date=<YYYY-MM-DD>/<time>-<random>~done.json   after the last one

Each is written once, where the bucket's policy forbids to write over it or to delete it. Recordings are named by their
digest and by the name that their seal has for them, so that a record outlives an erasure and names nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from secrets import token_hex
from typing import Any, Literal

from functions.archiver.bucket.bucket import Bucket, Properties, Taken
from functions.archiver.clock import iso
from functions.archiver.object_keys import AT_SOURCE, digest_of
from functions.archiver.sweeping.rules import Proof
from functions.archiver.version import VERSION

Result = Literal["deleted", "gone", "unknown", "left"]
"""`gone`: the source had lost it by itself. `left`: it was not asked for in the end. `unknown`: the batch broke off
before its answer came, or before it was asked for.
"""


class Record:
    """One batch of deletions of a source."""

    def __init__(self, bucket: Bucket, *, source: str, now: datetime) -> None:
        self._bucket = bucket
        self._source = source
        folder = f"{AT_SOURCE}source={source}/date={now.date().isoformat()}/"
        self._stem = f"{folder}{now:%Y%m%dT%H%M%SZ}-{token_hex(4)}"

    def before(self, proofs: Sequence[Proof], now: datetime) -> None:
        """Writes what is about to be deleted, and why it may."""
        self._write("", now, [self._proven(proof) for proof in proofs])

    def after(self, proofs: Sequence[Proof], results: Mapping[str, Result], now: datetime) -> None:
        """Writes what came of it; `results` by the recording's id."""
        rows = [{"recording": self._digest(proof), "result": results[proof.entry.recording.id]} for proof in proofs]
        self._write("~done", now, rows)

    def _proven(self, proof: Proof) -> dict[str, Any]:
        return {
            "recording": self._digest(proof),
            "name": proof.line.name,
            "sha256": proof.line.sha256,
            "bytes": proof.line.bytes,
            "archived_at": proof.line.archived_at,
            "checked_at": iso(proof.checked_at),
            "checksum": proof.checksum,
            "locked_until": iso(proof.locked_until) if proof.locked_until else None,
            "seal": {"key": proof.seal.key, "sequence": proof.seal.sequence, "sha256": proof.seal.sha256},
        }

    def _digest(self, proof: Proof) -> str:
        return digest_of(self._source, proof.entry.recording.id)

    def _write(self, ending: str, now: datetime, rows: Sequence[Mapping[str, Any]]) -> None:
        document = {
            "schema": "recordings.deletion-at-source/1",
            "source": self._source,
            "at": iso(now),
            "version": VERSION,
            "deletions": rows,
        }
        body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        properties = Properties(content_type="application/json")
        key = f"{self._stem}{ending}.json"
        with suppress(Taken):  # the answer to the first try was lost: nobody else has this name
            self._bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=properties)
