"""Watches, refuses or ends the process at calls to the AWS of `tests.doubles.aws`, right before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.doubles.aws import dynamodb, s3, sqs


class Died(BaseException):
    """The process ends here: nothing but the test catches it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One request as it would go over the wire; header names in lower case."""

    operation: str
    headers: dict[str, str]
    query: dict[str, str]
    body: Any = field(repr=False)


Listener = Callable[[Sent], Any]
"""What it returns, if anything, stands in for AWS's answer."""


@contextmanager
def calls_heard_by(listener: Listener) -> Iterator[None]:
    """Every call in this block goes past `listener` first."""

    def hear(event_name: str, params: dict[str, Any], **_: object) -> Any:
        return listener(
            Sent(
                operation=event_name.removeprefix("before-call."),
                headers={name.lower(): str(value) for name, value in dict(params["headers"]).items()},
                query={name: str(value) for name, value in dict(params["query_string"] or {}).items()},
                body=params["body"],
            )
        )

    emitters: list[Any] = [s3().meta.events, sqs().meta.events, dynamodb().meta.events]
    for emitter in emitters:
        emitter.register("before-call", hear)
    try:
        yield
    finally:
        for emitter in emitters:
            emitter.unregister("before-call", hear)


@contextmanager
def calls_kept() -> Iterator[list[Sent]]:
    """The list of all calls in this block."""
    sent: list[Sent] = []
    with calls_heard_by(sent.append):
        yield sent


@contextmanager
def death_before_call(number: int) -> Iterator[None]:
    """The process ends right before the call of this number, counted from 1."""
    calls = 0

    def listener(_: Sent) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            raise Died(f"before call {number}")

    with calls_heard_by(listener):
        yield


@contextmanager
def death_before(operation: str, number: int = 1) -> Iterator[None]:
    """The process ends right before so manieth call of one operation."""
    calls = 0

    def listener(sent: Sent) -> None:
        nonlocal calls
        calls += sent.operation == operation
        if sent.operation == operation and calls == number:
            raise Died(f"before {operation}")

    with calls_heard_by(listener):
        yield


@contextmanager
def refused(operation: str, status: int, code: str) -> Iterator[list[Sent]]:
    """AWS answers calls of one operation with an error; the list of those calls."""
    sent: list[Sent] = []

    def listener(call: Sent) -> Any:
        if call.operation != operation:
            return None
        sent.append(call)
        error = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status), error

    with calls_heard_by(listener):
        yield sent
