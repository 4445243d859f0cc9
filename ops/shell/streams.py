"""The standard streams, made safe for whatever the shell that starts the program hands it."""

from __future__ import annotations

import io
import os
import sys


def prepare_streams() -> None:
    """Opens what is closed, so that no file of an archive gets its number, and writes UTF-8 in every locale."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
