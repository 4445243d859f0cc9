"""The folders whose objects are written once: the bucket's policy forbids writing over them and deleting them."""

from __future__ import annotations

WRITE_ONCE = ("audio", "quarantine", "seals", "holds", "erasures", "accesses")
