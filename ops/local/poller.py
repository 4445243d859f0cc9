"""Stands in for Lambda's event source mapping on a FIFO queue: batch size 1, one message of a group at a time.

The queue itself gives out nothing more of a group while one of its messages is in flight; the poller only adds as many
workers as there are lanes, and the memory for deduplication ids that moto lacks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ops.local.embedded_aws import EmbeddedAws, calls_counted_as
from ops.local.functions import Sandbox

DEDUPLICATION_SECONDS = 300.0
_IDLE_SECONDS = 0.02


class Poller:
    """Feeds one queue to its function, with one thread for each lane."""

    def __init__(
        self,
        aws: EmbeddedAws,
        queue_url: str,
        *,
        lanes: int,
        sandbox: Callable[[], Sandbox],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._sqs = aws.session().client("sqs")
        self._queue_url = queue_url
        self._on_error = on_error
        self._stopping = threading.Event()
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._busy = 0
        self._threads = [threading.Thread(target=self._work, args=(sandbox,), daemon=True) for _ in range(lanes)]

    def start(self) -> None:
        """Starts polling."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every worker finish its message, and waits for that."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def idle(self) -> bool:
        """Whether no message waits or is being worked on."""
        wanted: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with self._lock:
            if self._busy:
                return False
            with calls_counted_as("poller"):
                answer = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=wanted)
        return all(int(answer["Attributes"][name]) == 0 for name in wanted)

    def _work(self, make: Callable[[], Sandbox]) -> None:
        sandbox = make()
        while not self._stopping.is_set():
            message = self._receive()
            if message is None:
                time.sleep(_IDLE_SECONDS)
                continue
            try:
                self._deliver(sandbox, message)
            finally:
                with self._lock:
                    self._busy -= 1

    def _receive(self) -> Any:
        with self._lock, calls_counted_as("poller"):
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"]
            )
            messages = answer.get("Messages", [])
            self._busy += len(messages)
        return messages[0] if messages else None

    def _deliver(self, sandbox: Sandbox, message: Any) -> None:
        if self._is_duplicate(message):
            self._delete(message)
            return
        try:
            sandbox.invoke({"Records": [_record(message, self._queue_url)]})
        except Exception as error:  # whatever a handler raises, Lambda survives it and SQS redelivers
            self._on_error(error)
            self._hand_back(message)
            return
        self._delete(message)

    def _delete(self, message: Any) -> None:
        with calls_counted_as("poller"):
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _hand_back(self, message: Any) -> None:
        """Lambda would let the visibility timeout pass; here the message may come again at once."""
        with calls_counted_as("poller"):
            self._sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _is_duplicate(self, message: Any) -> bool:
        """SQS drops a repeated deduplication id for five minutes, also when its message was deleted; moto does not."""
        attributes = message["Attributes"]
        id_, now = attributes["MessageDeduplicationId"], time.monotonic()
        if int(attributes["ApproximateReceiveCount"]) > 1:
            return False
        with self._lock:
            self._seen = {key: at for key, at in self._seen.items() if now - at < DEDUPLICATION_SECONDS}
            known = id_ in self._seen
            self._seen[id_] = now
        return known


def _record(message: Any, queue_url: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{queue_url.rpartition('/')[2]}",
        "awsRegion": "local",
    }
