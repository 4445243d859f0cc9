"""A sibling of a case from practice: what the same mistake of a provider or a proxy looks like elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.field.case import Case, Framing, Listed, Media
from tests.harness.audio import wav

Kind = Callable[[], Iterator["Sibling"]]
WAV = wav()


@dataclass(frozen=True, kw_only=True)
class Sibling:
    """One recording with one oddity. `wanted` are the bytes to be kept, the last answer's where nothing is said.

    `fetches` is how often its audio is asked for at least.
    """

    name: str
    case: Case
    state: str = "archived"
    wanted: bytes | None = None
    fetches: int = 1


def answer(body: bytes = WAV, framing: Framing = "length", *headers: tuple[str, str], status: int = 200) -> Media:
    return Media(body=body, status=status, framing=framing, headers=headers, before=())


def before(*lines: str) -> Media:
    """The audio behind informational answers."""
    return Media(body=WAV, status=200, framing="length", headers=(), before=lines)


def sibling(
    name: str,
    *answers: Media,
    state: str = "archived",
    wanted: bytes | None = None,
    fetches: int = 1,
    provider: str = "babelforce",
    replace: tuple[str, bytes] | None = None,
    **facts: Any,
) -> Sibling:
    plain: dict[str, Any] = {"row": {}, "companions": 2, "expect": {}, "files": None}
    nothing = dict.fromkeys(("archive", "id", "redirect", "url", "media_path"))
    listed = Listed(replace=[(replace[0].encode(), replace[1])] if replace else ())
    media = answers or (answer(),)
    case = Case(name=name, provider=provider, media=media, listed=listed, **{**plain, **nothing, **facts})
    return Sibling(name=name, case=case, state=state, wanted=wanted or media[-1].body, fetches=fetches)
