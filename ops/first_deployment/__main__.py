"""`python -m ops.first_deployment [FILE]`: asks a deployed archive what no engine on a desk can answer.

Reads with the caller's credentials, writes one test object under doctor/, and invokes each lister once or twice with an
event that changes nothing. A line for each question. Ends with 1 where an answer is no, with 2 where there is no such
archive; an open question is no failure.
"""

from __future__ import annotations

import sys

from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble, Misconfigured
from ops.archive.opening import open_deployed
from ops.first_deployment.questions import answers
from ops.shell.output import Failure
from ops.shell.verb import Shared


def main(arguments: list[str]) -> int:
    """The exit code."""
    archive = open_deployed(Shared(path="first-deployment", archive=arguments[0] if arguments else None))
    refuted = 0
    for question, answer in answers(archive, Clock()):
        print(f"{answer.verdict:<4}  {question}: {answer.evidence}", flush=True)
        refuted += answer.verdict == "no"
    return 1 if refuted else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ArchiveTrouble, BotoCoreError, ClientError, Failure, Misconfigured) as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(2)
