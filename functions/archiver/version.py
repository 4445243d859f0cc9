"""The version of this program, for what it writes into an archive. A test holds it to the project file's."""

from __future__ import annotations

VERSION = "0.1.0"
