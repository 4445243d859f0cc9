"""Stops an upgrade that would replace what must last: bucket, table, API, queues, and whom a stack belongs to.

    python -m infra.lasting [--quietly] CDK [FLAG ...]

has the CDK compare cdk.out with what is deployed, shows what it says unless told otherwise, and ends with 1 and a
sentence for each such loss. Its words are read, because it has no other form for them; the CLI is pinned by its digest,
and where its words cannot be read no upgrade goes on.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

LASTING = {
    "AWS::S3::Bucket": "bucket",
    "AWS::DynamoDB::Table": "table",
    "AWS::ApiGatewayV2::Api": "API",
    "AWS::SQS::Queue": "queue",
    "AWS::KMS::Key": "signing key",
    "AWS::SSM::Parameter": "parameter that names archive and source",
}
"""A parameter under another name shows that the stack belongs to another archive, with a stack of the same name."""

_LOST = {
    "replace": "would be replaced by a new one",
    "may be replaced": "may be replaced by a new one",
    "destroy": "would be deleted",
    "orphan": "would no longer belong to the stack",
}

_STACK = re.compile(r"Stack (?P<name>\S+)( \(.*\))?")
_CHANGE = re.compile(rf"\[[-~]\] (?P<type>\S+) (?P<resource>.+?) (?P<impact>{'|'.join(_LOST)})$")
_UNLOCKED = re.compile(r"[│├└─ ]*\[-\] ObjectLockConfiguration")
"""Below a bucket of the stack's own."""

_SAYS_LOCKED = re.compile(r"[│ ]*\[(?P<mark>[-+])\] .*\"object_lock\\?\":\\?\"(governance|compliance)")
"""In the archive's parameter, which speaks of a bucket of one's own too."""

_UNLOCKS = (
    "object_lock would be switched off: S3 never takes it from the bucket again, and what is archived from then on "
    "could be deleted; set archive.object_lock as it was"
)

_LAST_LINE = "Number of stacks with differences:"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_OF_THE_ACCOUNT = ("--profile", "--region", "--role-arn", "-r", "--proxy", "--ca-bundle-path")
"""The flags of a deploy that a comparison needs as well: whose account it is, and the way to it."""


class Unreadable(Exception):
    """The CDK's words are not a comparison."""


def losses(said: Iterable[str]) -> Iterator[str]:
    """A sentence for each loss among the lines of a `cdk diff`. Raises Unreadable where they do not come to an end."""
    stack, ended = "", False
    unlocked, locked = set[str](), set[str]()
    for line in said:
        plain = _COLOUR.sub("", line).strip()
        ended = ended or _LAST_LINE in plain
        if name := _STACK.fullmatch(plain):
            stack = name["name"]
        if says := _SAYS_LOCKED.match(plain):
            unlocked |= {stack} if says["mark"] == "-" else set()
            locked |= {stack} if says["mark"] == "+" else set()
        if _UNLOCKED.fullmatch(plain):
            unlocked.add(stack)
        change = _CHANGE.fullmatch(plain)
        if change and change["type"] in LASTING:
            yield f"{stack}: the {LASTING[change['type']]} {change['resource']} {_LOST[change['impact']]}"
    for unlocked_stack in sorted(unlocked - locked):
        yield f"{unlocked_stack}: {_UNLOCKS}"
    if not ended:
        raise Unreadable


def needed(flags: Sequence[str]) -> list[str]:
    """Those of a deploy's flags that a comparison takes too, with their values."""
    found: list[str] = []
    for flag, value in zip(flags, [*flags[1:], ""], strict=False):
        name, joined, _ = flag.partition("=")
        if name in _OF_THE_ACCOUNT:
            found += [flag] if joined else [flag, value]
    return found


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    quietly = arguments[0] == "--quietly"
    cdk, *flags = arguments[quietly:]
    compare = [cdk, "diff", "--app", "cdk.out"]
    # Of a whole deployment only the templates are compared: a change set takes AWS half a minute for each stack.
    compare += ["--method", "template", *needed(flags)] if quietly else flags
    compare += ["--color"] if sys.stdout.isatty() else []
    said: list[str] = []
    with subprocess.Popen(compare, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:  # noqa: S603 - ours
        assert running.stdout is not None
        for line in running.stdout:
            said.append(line)
            if not quietly:
                sys.stdout.write(line)
                sys.stdout.flush()
    if running.returncode and quietly:
        sys.stdout.writelines(said)
    return running.returncode or _verdict(said)


def _verdict(said: Sequence[str]) -> int:
    try:
        found = list(losses(said))
    except Unreadable:
        sys.stderr.write("what the CDK says of the changes cannot be read, so nothing is deployed: run make diff\n")
        return 1
    if not found:
        return 0
    sys.stderr.write("".join(f"{sentence}\n" for sentence in found))
    sys.stderr.write("Nothing was deployed. If that is what you want: make deploy REPLACE=yes\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
