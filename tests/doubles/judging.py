"""Bodies before the inspector, in whatever pieces."""

from __future__ import annotations

from itertools import pairwise

from functions.archiver.audio.inspector import Inspector
from functions.archiver.audio.kinds import Verdict


def judge(body: bytes, *cuts: int) -> Verdict:
    """The verdict on a body that comes in pieces, cut at these positions."""
    inspector = Inspector()
    at = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    for start, end in pairwise(at):
        inspector.feed(body[start:end])
    return inspector.finish()
