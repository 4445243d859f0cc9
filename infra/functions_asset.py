"""The one asset that all functions share, as the CDK takes it. `infra.bundle` says what is in it."""

from __future__ import annotations

import functools
from pathlib import Path

import jsii
from aws_cdk import BundlingOptions, DockerImage, ILocalBundling, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundle

RUNTIME = lambda_.Runtime.PYTHON_3_14
"""The newest runtime for which every pinned package has a wheel. LAMBDA_PYTHON in the Makefile says the same."""

PYTHON = RUNTIME.name.removeprefix("python")

ARCHITECTURE = lambda_.Architecture.ARM_64


def functions_code(scope: Construct) -> lambda_.Code:
    """The asset, for one stack. Its hash is the same whether bundling runs or not.

    Raises Misconfigured when it has to be bundled and the wheelhouse does not hold exactly what is pinned.
    """
    if Stack.of(scope).bundling_required:
        _wheels()
    # CDK wants an image to be named; nothing pulls it while the local bundling answers.
    image = DockerImage.from_registry(f"{RUNTIME.name}-{ARCHITECTURE.name}")
    return lambda_.Code.from_asset(
        str(bundle.FUNCTIONS),
        asset_hash=_digest(bundle.FUNCTIONS),
        bundling=BundlingOptions(image=image, local=WheelhouseBundling()),
    )


def byte_code() -> str:
    """One line about byte code in the asset."""
    compiler = _compiler()
    if compiler:
        return f"the functions' asset holds byte code of Python {compiler.version}"
    return (
        f"no Python {PYTHON} is at hand, so the functions' asset holds no byte code and each cold start takes more "
        "than twice as long: `make runtime-python` fetches one, or put one on the PATH, and deploy again"
    )


@jsii.implements(ILocalBundling)
class WheelhouseBundling:
    """Puts the asset together from the sources and the wheelhouse."""

    def try_bundle(self, output_dir: str, *_args: object, **_kwargs: object) -> bool:
        """CDK's hook; True says that nothing else needs to be tried."""
        bundle.bundle(Path(output_dir), _wheels(), _compiler())
        return True


@functools.cache
def _compiler() -> bundle.Compiler | None:
    return bundle.compiler_for(PYTHON)


@functools.cache
def _wheels() -> list[Path]:
    return bundle.wheels(bundle.WHEELHOUSE, bundle.REQUIREMENTS)


@functools.cache
def _digest(_sources: Path) -> str:
    return bundle.digest(PYTHON, _compiler())
