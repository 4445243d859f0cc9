"""The program `recordings`, also as `python -m ops`."""

from __future__ import annotations

import sys

try:
    from ops.shell.program import main
except KeyboardInterrupt:  # before the program is there to say so itself
    sys.stderr.write("stopped by you\n")
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
