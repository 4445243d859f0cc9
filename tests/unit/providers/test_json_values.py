"""Links as providers write them."""

from __future__ import annotations

import pytest

from functions.archiver.provider.json_values import link_of
from functions.archiver.recording import Json


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://a.example/x y", "https://a.example/x y"),
        (" https://a.example/x\r\n\t/y\n", "https://a.example/x/y"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https://a.example/\x00", None),
        ("\n", None),
        ("", None),
        ("https://a.example/" + "x" * 20_000, None),
        (5, None),
        (["https://a.example"], None),
    ],
)
def test_a_link_is_read_without_what_it_was_wrapped_with(value: Json, link: str | None) -> None:
    assert link_of(value) == link
