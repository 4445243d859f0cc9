"""Several writers at one key at the same moment, by puts and by completed uploads, as the archiver writes."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from functions.archiver.bucket.bucket import Bucket, Conflict, Properties, Taken
from functions.archiver.errors import ArchiveTrouble

WRITERS_OF_A_KIND = 4

WON = "won"
TAKEN = "412"
CONFLICT = "409"

_PROPERTIES = Properties(content_type="application/json")


def race(bucket: Bucket, key: str) -> Counter[str]:
    """How often the writers were told what. One small object is left at `key`, and no upload. Raises ArchiveTrouble."""
    starting = threading.Barrier(2 * WRITERS_OF_A_KIND)
    writers = [_put(bucket, key, number) for number in range(WRITERS_OF_A_KIND)]
    writers += [_completion(bucket, key, number) for number in range(WRITERS_OF_A_KIND)]

    def started(write: Callable[[], object]) -> str:
        starting.wait(timeout=60)
        return _told(write)

    with ThreadPoolExecutor(len(writers)) as pool:
        return Counter(pool.map(started, writers))


def _told(write: Callable[[], object]) -> str:
    try:
        write()
    except Taken:
        return TAKEN
    except Conflict:
        return CONFLICT
    except ArchiveTrouble as trouble:
        return trouble.code
    return WON


def _put(bucket: Bucket, key: str, number: int) -> Callable[[], object]:
    body = _body("put", number)
    return lambda: bucket.put_new(key, body, sha256=hashlib.sha256(body).digest(), properties=_PROPERTIES)


def _completion(bucket: Bucket, key: str, number: int) -> Callable[[], object]:
    body = _body("completed upload", number)
    crc32 = zlib.crc32(body)
    upload = bucket.begin(key, _PROPERTIES)
    part = bucket.send_part(key, upload, 1, body, crc32=crc32)

    def complete() -> None:
        try:
            bucket.complete(key, upload, [part], crc32=crc32, size_bytes=len(body))
        except BaseException:
            bucket.abort(key, upload)
            raise

    return complete


def _body(kind: str, number: int) -> bytes:
    """Each writer's is another one."""
    return json.dumps({"first-deployment-check": f"{kind} {number}"}).encode()
