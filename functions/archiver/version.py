"""The version of this program and how it names itself. A test holds the version to the project file's."""

from __future__ import annotations

USER_AGENT = "call-recording-archiver"
"""In each request, to providers and to AWS."""

VERSION = "0.1.0"
