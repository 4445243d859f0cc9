"""The parts of one upload on their way to the bucket: while one is sent, the next one is filled."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from functions.archiver.bucket.bucket import Bucket, Part


class Sending:
    """Sends parts in order, one at a time, from a thread of its own that ends with `close`."""

    def __init__(self, bucket: Bucket, key: str, upload_id: str) -> None:
        self._bucket = bucket
        self._key = key
        self.upload_id = upload_id
        self.parts: list[Part] = []
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._under_way: tuple[Future[Part], bytearray] | None = None

    def send(self, body: bytearray, crc32: int) -> bytearray | None:
        """Begins to send a part once the one before has arrived, whose buffer comes back to be filled again.

        Raises what sending the part before raised.
        """
        free = self.wait()
        number = len(self.parts) + 1
        send = partial(self._bucket.send_part, self._key, self.upload_id, number, body, crc32=crc32)
        sent = self._thread.submit(copy_context().run, send)
        self._under_way = sent, body
        return free

    def wait(self) -> bytearray | None:
        """Until the part under way has arrived; its buffer. Raises what sending it raised."""
        if self._under_way is None:
            return None
        (sent, body), self._under_way = self._under_way, None
        self.parts.append(sent.result())
        return body

    def close(self) -> None:
        """Ends the thread, after the part that is under way."""
        self._thread.shutdown()
