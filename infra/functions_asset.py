"""The one asset that all functions share: the folder `functions` and, beside it, the pinned packages it needs.

`make setup` has fetched wheels for the functions' own platform; unpacking them needs neither Docker nor network.
boto3 is among them although Lambda has one, because checksums and conditional writes depend on its version.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

import jsii
from aws_cdk import BundlingOptions, DockerImage, IgnoreMode, ILocalBundling, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.archiver.errors import Misconfigured
from infra.version import ROOT

RUNTIME = lambda_.Runtime.PYTHON_3_14
"""The newest runtime for which every pinned package has a wheel. LAMBDA_PYTHON in the Makefile says the same."""

ARCHITECTURE = lambda_.Architecture.ARM_64


FUNCTIONS = ROOT / "functions"
REQUIREMENTS = FUNCTIONS / "requirements.txt"
WHEELHOUSE = ROOT / ".wheelhouse"

_IGNORED = ("__pycache__", "requirements.in")


def functions_code(scope: Construct) -> lambda_.Code:
    """The asset. Its hash comes from the sources and the pins, so it is the same whether bundling runs or not.

    Raises Misconfigured when it has to be bundled and the wheelhouse does not hold exactly what is pinned.
    """
    if Stack.of(scope).bundling_required:
        wheels(WHEELHOUSE, REQUIREMENTS)
    # CDK wants an image to be named; nothing pulls it while the local bundling answers.
    image = DockerImage.from_registry(f"{RUNTIME.name}-{ARCHITECTURE.name}")
    return lambda_.Code.from_asset(
        str(FUNCTIONS),
        exclude=[*_IGNORED, "**/__pycache__"],
        ignore_mode=IgnoreMode.GLOB,
        bundling=BundlingOptions(image=image, local=WheelhouseBundling()),
    )


@jsii.implements(ILocalBundling)
class WheelhouseBundling:
    """Puts the asset together from the sources and the wheelhouse."""

    def try_bundle(self, output_dir: str, *_args: object, **_kwargs: object) -> bool:
        """CDK's hook; True says that nothing else needs to be tried."""
        bundle(Path(output_dir), wheels(WHEELHOUSE, REQUIREMENTS))
        return True


def bundle(target: Path, packages: list[Path]) -> None:
    """Fills `target` with what Lambda unpacks: `functions/` and the packages."""
    shutil.copytree(FUNCTIONS, target / "functions", ignore=shutil.ignore_patterns(*_IGNORED))
    for wheel in packages:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [name for name in archive.namelist() if _is_importable(name)])


def _is_importable(name: str) -> bool:
    return not PurePosixPath(name).parts[0].endswith(".data")  # scripts and headers


def wheels(wheelhouse: Path, requirements: Path) -> list[Path]:
    """The wheels of exactly the pinned versions, each with a pinned hash. Raises Misconfigured."""
    pins = requirements.read_text(encoding="utf-8")
    pinned = {f"{_normal(name)}-{version}" for name, version in re.findall(r"^([\w.-]+)==(\S+)", pins, re.MULTILINE)}
    found = {_name_and_version(wheel): wheel for wheel in sorted(wheelhouse.glob("*.whl"))}
    if set(found) != pinned or any(_sha256(wheel) not in pins for wheel in found.values()):
        raise Misconfigured(f"{wheelhouse.name} does not hold what functions/requirements.txt pins: run `make setup`")
    return list(found.values())


def _name_and_version(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{_normal(name)}-{version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
