"""Starts ministack with its mistakes mended: `python mended.py [NAME ...]`, in the environment that has it.

Everything of the engine's inside that the acceptance run depends on is in this file; `quirks.py` says of each mend what
AWS does and tells, by asking a plain engine, when it has become needless. Stands alone: the engine's environment has
nothing of this project.
"""

from __future__ import annotations

import base64
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import lambda_svc, s3
from ministack.services.cloudformation import provisioners


def alarms_with_expressions() -> None:
    """CloudFormation takes an alarm over an expression, whose queries have ids of their own; it is kept as one over the
    expression's first metric.
    """
    plain = provisioners._cw_metric_alarm_record

    def record(name: str, given: dict[str, Any]) -> Any:
        ids = [each["Id"] for each in given.get("Metrics") or ()]
        if len(set(ids)) < len(ids):
            raise ValueError("an id of the alarm's queries comes twice")
        stats = [each["MetricStat"] for each in given.get("Metrics") or () if "MetricStat" in each]
        if not stats:
            return plain(name, given)
        first = {**stats[0]["Metric"], "Period": stats[0]["Period"], "Statistic": stats[0]["Stat"]}
        return plain(name, {**{key: value for key, value in given.items() if key != "Metrics"}, **first})

    provisioners._cw_metric_alarm_record = record


def batches_of_messages() -> None:
    """SendMessageBatch is allowed by `sqs:SendMessage`; there is no action of its own name."""
    plain = iam_actions.extract_iam_action

    def action(*given: Any, **named: Any) -> Any:
        found = plain(*given, **named)
        return "sqs:SendMessage" if found == "sqs:SendMessageBatch" else found

    iam_actions.extract_iam_action = action


def keys_of_conditional_writes() -> None:
    """`s3:if-none-match` and `s3:ObjectCreationOperation` exist; a part of an upload creates no object."""
    plain = iam_actions.s3_service_context

    def context(
        action: str, query: Mapping[str, Any] | None, path: str = "", headers: Mapping[str, str] | None = None
    ) -> Any:
        found = plain(action, query, path, headers)
        if action != "s3:PutObject":
            return found
        creates = "partNumber" not in (query or {}) and "uploads" not in (query or {})
        keys = {"s3:ObjectCreationOperation": "true" if creates else "false"}
        match = (headers or {}).get("if-none-match")
        return {**found, **keys, **({"s3:if-none-match": match} if match else {})}

    iam_actions.s3_service_context = context


def checksums_of_the_whole() -> None:
    """With `x-amz-checksum-type: FULL_OBJECT` a completed upload has the CRC32 of its bytes, not one of its parts'."""
    begin, complete, composite = s3._create_multipart_upload, s3._complete_multipart_upload, s3._composite_checksum
    here = threading.local()

    def begun(bucket: str, key: str, headers: Mapping[str, str]) -> Any:
        known = set(s3._multipart_uploads)
        answer = begin(bucket, key, headers)
        if headers.get("x-amz-checksum-type") == "FULL_OBJECT":
            for upload in set(s3._multipart_uploads) - known:
                s3._multipart_uploads[upload]["whole"] = True
        return answer

    def completed(bucket: str, key: str, body: bytes, query: Any, headers: Any = None) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {}
        here.parts = [part["body"] for _, part in sorted(upload["parts"].items())] if upload.get("whole") else None
        answer = complete(bucket, key, body, query, headers)
        made = s3._ensure_bucket(bucket)["objects"].get(key)
        if here.parts is not None and answer[0] == 200 and made:
            made["checksum_type"] = None  # which is how it knows a whole
        return answer

    def digest(algorithm: str, digests: list[Any]) -> Any:
        parts = getattr(here, "parts", None)
        if parts is None:
            return composite(algorithm, digests)
        crc = 0
        for part in parts:
            crc = zlib.crc32(part, crc)
        return base64.b64encode(crc.to_bytes(4, "big")).decode()

    s3._create_multipart_upload, s3._complete_multipart_upload, s3._composite_checksum = begun, completed, digest


def updates_beside_invocations() -> None:
    """A function that is at work while it is updated ends its invocation; only then is its process taken away."""
    kill, release = lambda_runtime.kill_workers, lambda_runtime.release_worker

    def killed(workers: Iterable[Any]) -> None:
        idle = []
        for worker in workers:
            if worker.in_use:
                worker.outdated = True
            else:
                idle.append(worker)
        kill(idle)

    def released(worker: Any) -> None:
        release(worker)
        if getattr(worker, "outdated", False):
            kill([worker])

    lambda_runtime.kill_workers, lambda_svc.release_worker = killed, released


MENDS: dict[str, Callable[[], None]] = {
    mend.__name__: mend
    for mend in (
        alarms_with_expressions,
        batches_of_messages,
        keys_of_conditional_writes,
        checksums_of_the_whole,
        updates_beside_invocations,
    )
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        MENDS[name]()
    sys.argv = sys.argv[:1]
    app.main()
