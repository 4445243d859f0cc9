"""The CDK app: reads one deployment file and writes one stack. `python app.py [FILE]`, or `make synth`.

Ends with 2 and one sentence when the file is wrong, with 1 when the stack breaks a rule, and calls no AWS service.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.toml_file import read
from infra.synth import Findings, synthesise

EXAMPLE = Path("deployments/example.toml")


def main(arguments: list[str]) -> int:
    """Writes the cloud assembly of the deployment file named first (else the example's); the exit code."""
    file = Path(arguments[0]) if arguments else EXAMPLE
    out = Path(os.environ.get("CDK_OUTDIR", "cdk.out"))  # the CDK CLI says where it looks
    try:
        synthesise(read(file), out)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    except Findings as findings:
        print(findings, file=sys.stderr)
        return 1
    print(f"{file}: written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
