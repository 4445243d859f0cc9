"""What other people's CDK apps import goes on working for one release after a move."""

from __future__ import annotations

import importlib
import sys

import pytest

from functions.archiver.settings import toml_file


def test_the_earlier_address_of_read_warns_and_names_the_new_one() -> None:
    sys.modules.pop("functions.archiver.deployment", None)
    with pytest.warns(DeprecationWarning, match=r"import read from functions\.archiver\.settings\.toml_file"):
        earlier = importlib.import_module("functions.archiver.deployment")
    assert earlier.read is toml_file.read
