"""Everything that ships to Lambda: handlers, the archiver service and the providers."""

from __future__ import annotations

import gc
import os

IN_LAMBDA = "AWS_LAMBDA_RUNTIME_API" in os.environ  # noqa: TID251 - no setting: where this is

if IN_LAMBDA:
    gc.disable()  # until `archiver.runtime.prepare`: while a process loads there is no waste to find
