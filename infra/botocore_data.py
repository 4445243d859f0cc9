"""What of botocore's data goes along: of some four hundred services those in use, and of those no word for readers.

botocore reads these files whenever a process makes its first clients. Descriptions are four fifths of a service's
model, and the table of endpoints names every service in every region.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection
from typing import Any

_OF_A_SERVICE = re.compile(r"(?:botocore|boto3)/data/([^/]+)/.+/([^/]+)")
_ENDPOINTS = "botocore/data/endpoints.json"
_FOR_READERS = "examples-1.json"


def ships(name: str, services: Collection[str]) -> bool:
    """Whether this file of a wheel is needed to make clients for `services` alone."""
    file = _OF_A_SERVICE.fullmatch(name)
    return file is None or (file[1] in services and file[2] != _FOR_READERS)


def trims(name: str) -> bool:
    """Whether this file holds more than a client needs."""
    return name == _ENDPOINTS or _OF_A_SERVICE.fullmatch(name) is not None


def trimmed(name: str, content: bytes, services: Collection[str]) -> tuple[str, bytes]:
    """The file's name and content as they go into the asset, which is compressed as a whole."""
    packed = name.endswith(".gz")
    document = json.loads(gzip.decompress(content) if packed else content)
    if name == _ENDPOINTS:
        for partition in document["partitions"]:
            named = partition["services"]
            partition["services"] = {service: named[service] for service in named if service in services}
    return name.removesuffix(".gz"), json.dumps(_undescribed(document), separators=(",", ":")).encode()


def _undescribed(value: Any) -> Any:
    """With empty descriptions, which botocore looks for in places. A member of that name is no text."""
    if isinstance(value, dict):
        return {key: "" if _describes(key, each) else _undescribed(each) for key, each in value.items()}
    return [_undescribed(each) for each in value] if isinstance(value, list) else value


def _describes(key: str, value: Any) -> bool:
    return key == "documentation" and isinstance(value, str)
