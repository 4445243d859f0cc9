"""A provider to start from: a whole client of an imagined API and its fixture, to be changed into yours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ops.shell.version import ROOT

TEMPLATES = ROOT / "ops" / "provider" / "templates"


def write(name: str, root: Path) -> Sequence[Path]:
    """Writes the module and its fixture below `root`. Raises ValueError for a name that is none.

    Raises FileExistsError for a name that is taken, before anything is written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ValueError("the name must be 2 to 31 small letters, digits and _, as in acme_phones")
    title = name.replace("_", " ").title()
    module = (TEMPLATES / "provider.py.txt").read_text(encoding="utf-8")
    contents = {
        root / "functions" / "providers" / f"{name}.py": module.format(title=title, class_name=title.replace(" ", "")),
        root / "tests" / "providers" / f"{name}.json": (TEMPLATES / "fixture.json.txt").read_text(encoding="utf-8"),
    }
    for path in contents:
        if path.exists():
            raise FileExistsError(f"{path.relative_to(root)} is there already")
    for path, content in contents.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    return list(contents)
