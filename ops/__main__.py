"""The program `recordings`, also as `python -m ops`."""

from __future__ import annotations

import sys

from ops.shell.program import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
