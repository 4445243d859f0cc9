"""The questions, in the order of docs/verified.md, which has them in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from functions.archiver.clock import Clock
from ops.archive.deployed import DeployedArchive
from ops.first_deployment.answer import Answer, asked
from ops.first_deployment.of_functions import Functions
from ops.first_deployment.of_storage import Storage
from ops.shell.output import ExitCode, Failure

QUESTIONS: dict[str, Callable[[Storage, Functions], Answer]] = {
    "S3 takes the lifecycle rules": lambda storage, _: storage.takes_lifecycle(),
    "S3 carries the lifecycle rules out": lambda storage, _: storage.carries_lifecycle_out(),
    "of several writers one wins, completed uploads among them": lambda storage, _: storage.lets_one_win(),
    "a writer that meets another is told 409": lambda storage, _: storage.says_conflict(),
    "CloudFormation switches Object Lock on": lambda storage, _: storage.locks(),
    "several lanes work under one event source mapping, and no more than there are": (
        lambda _, functions: functions.work_side_by_side()
    ),
    "DynamoDB keeps a function to the items of its own source": lambda storage, _: storage.keeps_sources_apart(),
    "schedules fire functions by the archive's tag": lambda _, functions: functions.are_fired(),
    "the functions use the archive's key": lambda storage, _: storage.uses_key(),
    "the functions run on Python 3.14 on arm64": lambda _, functions: functions.run(),
    "mails of alarms arrive": lambda _, functions: functions.send_mails(),
}


def answers(archive: DeployedArchive, clock: Clock) -> Iterator[tuple[str, Answer]]:
    """Each question with its answer. Raises Failure where there is no such archive, or it has no source."""
    sources = list(archive.sources)
    if not sources:
        raise Failure(ExitCode.MISUSE, f"no source of {archive.name} is deployed: make deploy")
    storage, functions = Storage(archive, sources, clock), Functions(archive, sources, clock)
    for words, question in QUESTIONS.items():
        yield words, asked(partial(question, storage, functions))
