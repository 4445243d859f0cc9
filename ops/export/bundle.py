"""The zip of an export: files are stored as they are, in the order in which they come, and listed in SHA256SUMS."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from functions.archiver.sealing.signing import Signer, pem_of

_FILE_MODE = 0o600


class Bundle:
    """A zip that is being written."""

    def __init__(self, zipped: zipfile.ZipFile, moment: datetime) -> None:
        self._zip = zipped
        self._moment = moment
        self._sums: dict[str, str] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> str:
        """One file; its SHA-256."""
        digest = hashlib.sha256()
        with self._zip.open(self._entry(name), "w", force_zip64=True) as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        self._sums[name] = digest.hexdigest()
        return self._sums[name]

    def add_text(self, name: str, text: str) -> str:
        """One small text."""
        return self.add(name, [text.encode("utf-8", "backslashreplace")])

    def add_json(self, name: str, document: Mapping[str, Any]) -> str:
        """One canonical JSON document: keys sorted, no blanks, a newline at its end."""
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self.add_text(name, text + "\n")

    def finish(self, signer: Signer | None) -> None:
        """SHA256SUMS of everything so far, with its signature."""
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items())).encode()
        self._put("SHA256SUMS", sums)
        if signer is not None:
            self._put("SHA256SUMS.sig", signer.sign(sums))
            self._put("public-key.pem", pem_of(signer.public_key()))

    def _put(self, name: str, body: bytes) -> None:
        self._zip.writestr(self._entry(name), body)

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self._moment.timetuple()[:6])
        entry.external_attr = (0o700 if name.endswith(".py") else _FILE_MODE) << 16
        return entry


@contextmanager
def new_bundle(path: Path, moment: datetime) -> Iterator[Bundle]:
    """A zip under `path` once it is whole, and nothing there before. Raises FileExistsError, OSError."""
    making = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(making, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE)
    try:
        with open(descriptor, "w+b") as file:  # noqa: PTH123 - a descriptor, open to its owner alone
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
                yield Bundle(zipped, moment)
            file.flush()
            os.fsync(file.fileno())
        os.link(making, path)  # never over another file
    finally:
        making.unlink(missing_ok=True)
