"""A case from practice, as its `case.json` says it. The form is told in `cases/README.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "cases"

Framing = Literal["length", "chunked", "close"]


@dataclass(frozen=True, kw_only=True)
class Media:
    """One answer to a request for the audio. `headers` stand in place of the usual ones of their names."""

    body: bytes
    status: int
    framing: Framing
    headers: Sequence[tuple[str, str]]
    before: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """How the bytes of the list are changed on their way out."""

    replace: Sequence[tuple[bytes, bytes]] = ()
    gzip: bool = False
    headers: Sequence[tuple[str, str]] = ()
    before: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One folder of `cases`. `media` are the answers in their order, of which the last one is given for ever after."""

    name: str
    provider: str
    media: Sequence[Media]
    archive: Path | None
    companions: int
    row: Mapping[str, Any]
    id: str | None
    listed: Listed
    redirect: str | None
    url: str | None
    media_path: str | None
    expect: Mapping[str, Any]
    files: Path = field(repr=False)

    @property
    def wanted(self) -> bytes | None:
        """The bytes that have to be archived; None where the case is about none."""
        name = self.expect.get("bytes_of")
        return (self.files / name).read_bytes() if name else None

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are right."""
        return _several(self.expect.get("state", "archived"))

    def allowed(self, expectation: str) -> tuple[str, ...]:
        """The alternatives of an expectation; none where the case expects nothing of the kind."""
        return tuple(str(self.expect.get(expectation, "")).split("|")) if expectation in self.expect else ()


def names() -> list[str]:
    """Every case there is."""
    return sorted(path.parent.name for path in FOLDER.glob("*/case.json"))


def read(name: str) -> Case:
    """The case of a folder."""
    folder = FOLDER / name
    document = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    media = document.get("media", [])
    return Case(
        name=name,
        provider=document["provider"],
        media=[_media(each, folder) for each in (media if isinstance(media, list) else [media])],
        archive=folder / document["archive"] if "archive" in document else None,
        companions=document.get("companions", 0),
        row={**document.get("row", {}), **_filled(document.get("fill", {}))},
        id=document.get("id"),
        listed=_listed(document.get("list", {})),
        redirect=document.get("redirect"),
        url=document.get("url"),
        media_path=document.get("media_path"),
        expect=document["expect"],
        files=folder,
    )


def _media(fields: Mapping[str, Any], folder: Path) -> Media:
    return Media(
        body=(folder / fields["file"]).read_bytes()[: fields.get("first")],
        status=fields.get("status", 200),
        framing=fields.get("framing", "length"),
        headers=_headers(fields),
        before=fields.get("before", ()),
    )


def _listed(fields: Mapping[str, Any]) -> Listed:
    texts = [(old.encode(), new.encode()) for old, new in fields.get("replace", ())]
    digits = [(old.encode(), bytes.fromhex(new)) for old, new in fields.get("replace_hex", ())]
    return Listed(
        replace=[*texts, *digits],
        gzip=fields.get("gzip", False),
        headers=_headers(fields),
        before=fields.get("before", ()),
    )


def _headers(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in fields.get("headers", {}).items() for value in _several(values)]


def _filled(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: {f"field_{number}": each["text"] * each["times"] for number in range(each["fields"])}
        for name, each in fields.items()
    }


def _several(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,)
