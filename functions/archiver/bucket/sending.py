"""The parts of one upload on their way to the bucket: while some are sent, the next one is filled."""

from __future__ import annotations

import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from functions.archiver.bucket.bucket import Bucket, Conflict, NoUpload, Part
from functions.archiver.bucket.crc32 import combined


class Sending:
    """Sends parts, as many at a time as the bucket takes, from threads of its own that end with `close`.

    `parts` are those that have arrived, in order, and `crc32` is theirs as a whole.
    """

    def __init__(self, bucket: Bucket, key: str, upload_id: str) -> None:
        self._bucket = bucket
        self._key = key
        self.upload_id = upload_id
        self.parts: list[Part] = []
        self.crc32 = 0
        self._threads = ThreadPoolExecutor(max_workers=bucket.parts_at_once)
        self._under_way: deque[tuple[Future[Part], bytearray]] = deque()

    def send(self, body: bytearray) -> bytearray | None:
        """Begins to send a part, once there is room for it; the buffer of one that has arrived, if there is any.

        Raises what sending an earlier part raised, and Conflict where the upload is gone.
        """
        free = self._arrived() if len(self._under_way) == self._bucket.parts_at_once else None
        number = len(self.parts) + len(self._under_way) + 1
        sent = self._threads.submit(copy_context().run, partial(self._send, number, body))
        self._under_way.append((sent, body))
        return free

    def wait(self) -> None:
        """Until every part has arrived. Raises as `send`."""
        while self._under_way:
            self._arrived()

    def close(self) -> None:
        """Ends the threads, after the parts that are under way."""
        self._threads.shutdown()

    def _send(self, number: int, body: bytearray) -> Part:
        return self._bucket.send_part(self._key, self.upload_id, number, body, crc32=zlib.crc32(body))

    def _arrived(self) -> bytearray:
        """The buffer of the oldest part under way, once that has arrived."""
        sent, body = self._under_way.popleft()
        try:
            part = sent.result()
        except NoUpload:
            raise Conflict(f"the upload of {self._key} is gone") from None
        self.parts.append(part)
        self.crc32 = combined(self.crc32, part.crc32, len(body))
        return body
