"""The CDK app: reads one deployment file and writes its stacks. `python app.py [FILE]`, or `make synth`.

Ends with 2 and one sentence when the file is wrong, with 1 when a template breaks a rule, and calls no AWS service.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.toml_file import read
from infra.archive_bucket import for_your_bucket
from infra.functions_asset import byte_code
from infra.object_lock import lock_notices
from infra.quotas import summary
from infra.synth import Findings, synthesise, written

EXAMPLE = Path("deployments/example.toml")


def main(arguments: list[str]) -> int:
    """Writes the cloud assembly of the deployment file named first (else the example's); the exit code."""
    file = Path(arguments[0]) if arguments else EXAMPLE
    out = Path(os.environ.get("CDK_OUTDIR", "cdk.out"))  # the CDK CLI says where it looks
    try:
        deployment = read(file)
        synthesise(deployment, out)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    except Findings as findings:
        print(findings, file=sys.stderr)
        return 1
    print(f"{file}: written to {out}")
    for sentence in summary(deployment.archive.name, written(out)):
        print(f"  {sentence}")
    print(f"  {byte_code()}")
    for notice in notices(deployment):
        print(notice)
    return 0


def notices(deployment: Deployment) -> Iterator[str]:
    """What a person has to know who deploys this."""
    own = for_your_bucket(deployment)
    if own:
        yield own
    yield from lock_notices(deployment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
