"""The earlier address of `read`, for one release: it lives in `functions.archiver.settings.toml_file` now."""

from __future__ import annotations

import warnings

from functions.archiver.settings.toml_file import read

__all__ = ["read"]

warnings.warn(
    "functions.archiver.deployment has moved: import read from functions.archiver.settings.toml_file",
    DeprecationWarning,
    stacklevel=2,
)
