"""`make provider name=acme`: writes `functions/providers/acme.py`, a whole client of an imagined API to start from."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).parent / "templates" / "provider.py.txt"
WRITTEN, NOT_WRITTEN = 0, 2


def write(name: str, folder: Path) -> Path:
    """Writes the module into `folder`. Raises ValueError for a name that is none, FileExistsError for a taken one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ValueError("the name must be 2 to 31 small letters, digits and _, as in name=acme")
    title = name.replace("_", " ").title()
    path = folder / f"{name}.py"
    with path.open("x", encoding="utf-8") as file:
        file.write(TEMPLATE.read_text(encoding="utf-8").format(title=title, class_name=title.replace(" ", "")))
    return path


def main(arguments: list[str]) -> int:
    """Writes the module named first; the exit code."""
    try:
        path = write(arguments[0] if arguments else "", ROOT / "functions" / "providers")
    except FileExistsError as error:
        print(f"{error.filename} is there already", file=sys.stderr)
        return NOT_WRITTEN
    except ValueError as error:
        print(error, file=sys.stderr)
        return NOT_WRITTEN
    print(f"{path.relative_to(ROOT)} is written: docs/adding-a-provider.md says what comes next")
    return WRITTEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
