"""One question that only a real account can answer, with the answer and what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.errors import ArchiveTrouble
from ops.shell.output import Failure

Verdict = Literal["yes", "no", "open"]


@dataclass(frozen=True, slots=True)
class Answer:
    """`open` is no answer yet; the evidence then says what would bring one."""

    verdict: Verdict
    evidence: str


def asked(question: Callable[[], Answer]) -> Answer:
    """What is refused, or does not answer, leaves the question open, with the reason."""
    try:
        return question()
    except ClientError as error:
        return Answer("open", f"{error.operation_name} is answered with {error.response['Error']['Code']}")
    except (ArchiveTrouble, BotoCoreError, Failure) as trouble:
        return Answer("open", str(trouble))
