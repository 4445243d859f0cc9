"""The access records of an archive on AWS: one object each, in a folder that only its writer may write to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from secrets import token_hex

from functions.archiver.bucket.bucket import Bucket, Conflict, NotThere, Properties, Taken
from functions.archiver.errors import ArchiveTrouble
from ops.accesses.access import Access, NotRecorded, Records

FOLDER = "accesses"
_READERS = 16
_FEW_DAYS = 31
"""So many are listed one by one, more of them month by month."""


class DeployedLog:
    """`accesses/date=D/<aws:userid>/<time>-<part of the recording's digest>-<random>.json` in the archive's bucket."""

    writers = 16

    def __init__(self, bucket: Bucket, user_id: str) -> None:
        self._bucket = bucket
        self._user_id = user_id

    def write(self, access: Access) -> None:
        """One object that nobody may replace: the recording stands in it by its digest alone, for no erasure could."""
        body = (
            json.dumps(replace(access, recording_id=None).document(), ensure_ascii=False).encode(
                "utf-8", "backslashreplace"
            )
            + b"\n"
        )
        moment = f"{access.at:%Y%m%dT%H%M%S.%fZ}"
        name = f"{moment}-{_part(access.recording)}-{token_hex(8)}.json"
        key = f"{FOLDER}/date={access.at.date().isoformat()}/{self._user_id}/{name}"
        properties = Properties(content_type="application/json")
        try:
            self._bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=properties)
        except (ArchiveTrouble, Taken, Conflict) as trouble:
            raise NotRecorded(f"{FOLDER}/ in the bucket: {trouble}") from None

    def read(self, first: date, last: date) -> Records:
        """Lists the days and reads each record."""
        found: list[Access] = []
        broken: list[str] = []
        with ThreadPoolExecutor(_READERS) as readers:
            for key, access in readers.map(self._read, self._keys(first, last)):
                if access is None:
                    broken.append(f"{key} is not an access record")
                else:
                    found.append(access)
        return Records(accesses=sorted(found, key=lambda access: access.at), broken=broken)

    def of(self, recording: str) -> Sequence[Access]:
        """Lists the whole folder, a call for each thousand records, and reads those that carry a part of the digest."""
        keys = (key for key in self._bucket.keys(f"{FOLDER}/") if f"-{_part(recording)}-" in key)
        with ThreadPoolExecutor(_READERS) as readers:
            found = [access for _, access in readers.map(self._read, keys) if access]
        return sorted((access for access in found if access.recording == recording), key=lambda access: access.at)

    def _keys(self, first: date, last: date) -> Iterator[str]:
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        spans = dict.fromkeys(f"{day}/" if len(days) <= _FEW_DAYS else f"{day:%Y-%m}" for day in days)
        for span in spans:
            for key in self._bucket.keys(f"{FOLDER}/date={span}"):
                if first.isoformat() <= key.partition("=")[2][:10] <= last.isoformat():
                    yield key

    def _read(self, key: str) -> tuple[str, Access | None]:
        try:
            with self._bucket.read(key) as pieces:
                return key, Access.read(json.loads(b"".join(pieces)))
        except (KeyError, TypeError, ValueError, NotThere):
            return key, None


def _part(recording: str) -> str:
    """Enough of a digest to find its records by their names; it names nobody."""
    return recording[:16]
