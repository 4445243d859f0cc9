"""Which changes of the table concern other programs, as both the stack and the rules have to know.

An event source mapping takes five patterns and looks at nothing but `dynamodb` in a record; `exists` works on leaves
alone. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
"""

from __future__ import annotations

from typing import Any

TOLD_STATES = ("archived", "gone", "failed")
"""The states of a recording whose beginning is an event."""

ATTEMPTS = 10
"""How often a batch is given to the function again before it is put aside."""

FAILED = "aws/lambda"
"""Where Lambda puts aside what could not be worked on; the name is its own and cannot be chosen.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

FAILED_KEPT_DAYS = 30


def bus_source(archive: str) -> str:
    """The `source` of an archive's events."""
    return f"recordings.{archive}"


_THERE = [{"exists": True}]
_NOT_THERE = [{"exists": False}]
_TOLD = list(TOLD_STATES)

PATTERNS: tuple[dict[str, Any], ...] = (
    # a recording moved: its other changes, such as being queued, are ten times as many
    {"NewImage": {"state": {"S": _TOLD}}, "OldImage": {"state": {"S": [{"anything-but": _TOLD}]}}},
    # a recording is new, and finished at once
    {"NewImage": {"state": {"S": _TOLD}}, "OldImage": {"pk": {"S": _NOT_THERE}}},
    # a recording's item went: only the function sees whether by its term
    {"OldImage": {"kind": {"S": ["recording"]}}, "NewImage": {"pk": {"S": _NOT_THERE}}},
    # a hold was placed or released, a source's trouble was told of
    {"NewImage": {"announced_at": {"N": _THERE}}},
    # a seal was finished: its note goes as the chain's head comes
    {"OldImage": {"sealing": {"M": {"key": {"S": _THERE}}}}, "NewImage": {"seal_head": {"S": _THERE}}},
)
"""Parts of a record's `dynamodb`. A change that makes an event matches one of them."""
