"""Deployment files with one mistake, and providers that only these tests know."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.toml_file import read

ARCHIVE = 'name = "recordings"'
SOURCE = 'provider = "sample"\nbase_url = "https://acme.example.com"\nsecret = "recordings/acme"'
HEAD = """
from datetime import timedelta
from functions.archiver.provider.provider import Provider
from functions.archiver.provider.declaration import Declaration, Option
"""
SAMPLE = """
class Sample(Provider):
    declaration = Declaration(
        title="Sample", default_base_url="https://api.example.com", secret_fields=(("key",),),
        rate_default=17, parallel_default=3, overlap_minimum=timedelta(hours=36), webhook=("secret",),
        options=(
            Option(name="format", help="audio format", choices=("wav", "mp3"), default="wav"),
            Option(name="account", help="its id", pattern="[0-9a-f]{4}"),
            Option(name="depth", help="how deep", kind="integer"),
            Option(name="detail", help="more of it", kind="boolean"),
            Option(name="users", help="whose", kind="texts", pattern="[a-z]+", choices=("ann", "bob")),
            Option(name="lists", help="what to list", kind="tables", fields=("type", "id")),
            Option(name="media_url", help="its audio", kind="origin", purpose="media"),
        ),
    )
"""
STRICT = """
class Strict(Provider):
    declaration = Declaration(
        title="Strict", secret_fields=(("key",),), rate_default=1, parallel_default=1,
        overlap_minimum=timedelta(hours=1), options=(Option(name="account", help="its id", required=True),),
    )
"""
ELSEWHERE = """
class Elsewhere(Provider):
    declaration = Declaration(
        title="Elsewhere", default_base_url="https://api.eu.example.com", secret_fields=(("key",),), rate_default=1,
        parallel_default=1, overlap_minimum=timedelta(hours=1),
        options=(
            Option(name="token_url", help="tokens", kind="origin", purpose="token", default="https://login.{domain}"),
        ),
    )
"""
SIGNING = """
class Signing(Provider):
    declaration = Declaration(
        title="Signing", secret_fields=(("key",),), rate_default=1, parallel_default=1,
        overlap_minimum=timedelta(hours=1), webhook=("signature",),
    )
"""


def written(
    tmp_path: Path, *, archive: str = ARCHIVE, source: str = SOURCE, name: str = "acme-uk", more: str = ""
) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(f"[archive]\n{archive}\n{more}\n[sources.{name}]\n{source}\n", encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text
