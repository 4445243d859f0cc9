"""The documentation keeps up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.docs import commands_page, providers_page

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_table_of_providers_is_up_to_date() -> None:
    page = providers_page.PAGE.read_text(encoding="utf-8")
    assert page == providers_page.page_as_it_should_be(), "run `make fix`"


def test_the_page_of_commands_is_the_help_of_every_verb() -> None:
    page = commands_page.PAGE.read_text(encoding="utf-8")
    assert page == commands_page.page_as_it_should_be(), "run `make fix`"


@pytest.mark.parametrize("page", [Path("README.md"), *sorted(Path("docs").rglob("*.md"))], ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page} links to {link}"
