"""The two kinds of SSM parameters by which a deployed archive is found. Infra writes them, the command reads them.

Their names are fixed, so that one call finds them also inside somebody else's app.
"""

from __future__ import annotations

LAYOUT = 1
"""Goes up when the archive's folders or the ledger's items change so that older commands could not read them."""


def archive_parameter_name(archive: str) -> str:
    """Where the facts about the archive are, as a JSON object."""
    return f"/recording-archive/{archive}"


def source_parameter_name(archive: str, source: str) -> str:
    """Where the facts about one of its sources are, as a JSON object of at most 1 KB."""
    return f"{archive_parameter_name(archive)}/sources/{source}"


def signing_alias(archive: str) -> str:
    """The alias of the KMS key that signs the archive's seals: a function finds the key by its archive's name."""
    return f"alias/{archive}-seals"
