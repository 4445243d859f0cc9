"""Providers of these tests' own, so that no real one's numbers stand in them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from functions import providers
from tests.harness.toml_files import ELSEWHERE, HEAD, SAMPLE, SIGNING, STRICT


@pytest.fixture(scope="module")
def providers_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Providers of this test's own, so that no real one's numbers stand in it."""
    folder = tmp_path_factory.mktemp("providers")
    (folder / "sample.py").write_text(HEAD + SAMPLE)
    (folder / "strict.py").write_text(HEAD + STRICT)
    (folder / "signing.py").write_text(HEAD + SIGNING)
    (folder / "elsewhere.py").write_text(HEAD + ELSEWHERE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "__path__", [*providers.__path__, str(folder)])
        yield
        for name in ("sample", "strict", "signing", "elsewhere"):
            sys.modules.pop(f"{providers.__name__}.{name}", None)
            vars(providers).pop(name, None)
