"""Events held against their published form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

SCHEMA = Path("docs/schemas/event.json")


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event, once it fits the schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
    return dict(document)
