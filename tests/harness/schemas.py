"""Holds what verbs print as JSON against the schemas that are published."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from ops.docs.schemas import path_of


def checked(line: str) -> dict[str, Any]:
    """The document, once it fits the schema that it names."""
    document: dict[str, Any] = json.loads(line)
    program, _, rest = document["schema"].partition(".")
    assert program == "recordings"
    schema = json.loads(path_of(rest.partition("/")[0]).read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)
    return document
