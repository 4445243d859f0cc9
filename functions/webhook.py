"""Lambda: receives a provider's events through the HTTP API. See `archiver.receiving` for what it makes of them."""

from __future__ import annotations

import json
from http import HTTPStatus

from functions.archiver.errors import ArchiveTrouble, Misconfigured
from functions.archiver.provider.delivery import Hint, Reply
from functions.archiver.runtime import Context, Runtime, prepare, runtime
from functions.archiver.settings.metrics import Metric
from functions.archiver.webhooks import Event, Reception

prepare()

Answer = dict[str, object]


def handler(event: Event, context: Context) -> Answer:
    """One request in API Gateway's payload format 2.0; its answer. 503 asks the sender to try again."""
    run = runtime().begin(context)
    try:
        reception = run.receiver.receive(event)
    except (Misconfigured, ArchiveTrouble) as trouble:
        run.logger.error("webhook not received", reason=str(trouble))
        if isinstance(trouble, ArchiveTrouble):
            run.count_trouble(trouble)
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE)
    _tell(run, reception)
    return _answer(reception.status, reception.reply)


def _tell(run: Runtime, reception: Reception) -> None:
    for hint in reception.hints or (Hint(),):
        run.logger.info(
            f"webhook {reception.outcome}",
            recording_id=hint.recording_id,
            call_id=hint.call_id,
            reason=reception.reason,
        )
    if reception.verified and run.settings.source.webhook_quiet_after:
        run.notes.event()
    if reception.outcome == "refused":
        run.notes.refusal()
        run.count({Metric.WEBHOOK_REFUSED: 1})


def _answer(status: HTTPStatus, reply: Reply | None = None) -> Answer:
    """The same few bytes for all that share a status: a sender learns nothing else. A handshake gets its reply."""
    if reply is not None:
        headers = {**reply.headers, "content-type": reply.content_type}
        return {"statusCode": int(status), "headers": headers, "body": reply.body}
    word = "ok" if status is HTTPStatus.OK else status.phrase
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": word}),
    }
