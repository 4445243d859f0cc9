"""TLS contexts by the file of their trust anchors."""

from __future__ import annotations

import functools
import ssl


@functools.cache
def trusting(ca_file: str | None) -> ssl.SSLContext:
    """One for all connections of a process, for reading the anchors takes 20 ms; None: those of this machine."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
