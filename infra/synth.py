"""Synthesis in this process: the cloud assembly for the CDK CLI, or just the template for tests and local runs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnResource, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment
from infra.functions_asset import ROOT
from infra.stack import ArchiveStack

REPORT = "validation-report.json"

MOST_RESOURCES = 500
"""CloudFormation takes no more in one stack."""

_WITHOUT_BUNDLING: dict[str, Any] = {"aws:cdk:bundling-stacks": []}


class Findings(Exception):
    """The stack breaks a rule of AWS Solutions or of CDK's own validation; CDK has printed which."""


def template(deployment: Deployment) -> dict[str, Any]:
    """The CloudFormation template of `deployment`. Bundles nothing, leaves no file. Raises Misconfigured."""
    with tempfile.TemporaryDirectory() as folder:
        app = App(outdir=folder, context=_context() | _WITHOUT_BUNDLING, builtin_cloud_formation_validation=False)
        _check_size(ArchiveStack(app, deployment=deployment))
        app.synth()
        text = Path(folder, f"{deployment.archive.name}.template.json").read_text(encoding="utf-8")
        parsed: dict[str, Any] = json.loads(text)
        return parsed


def synthesise(deployment: Deployment, out: Path, *, bundle: bool = True) -> None:
    """Writes the cloud assembly of `deployment` into `out`. Raises Misconfigured; Findings once all is written."""
    app = App(outdir=str(out), context=_context() | ({} if bundle else _WITHOUT_BUNDLING))
    _check_size(ArchiveStack(app, deployment=deployment))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    (out / REPORT).unlink(missing_ok=True)
    try:
        app.synth()
    except RuntimeError as error:  # the only kind of error that jsii knows
        if not findings(out):
            raise
        raise Findings(f"the template breaks rules: see {out / REPORT}") from error
    if findings(out):
        raise Findings(f"the template breaks rules: see {out / REPORT}")


def findings(assembly: Path) -> list[str]:
    """What the rules found in a cloud assembly, warnings included, and nobody acknowledged."""
    report = assembly / REPORT
    if not report.exists():
        return []
    document = json.loads(report.read_text(encoding="utf-8"))
    return [
        f"{violation['ruleName']}: {violation['description']}"
        for plugin in document["pluginReports"]
        for violation in plugin["violations"]
    ]


def _check_size(stack: Stack) -> None:
    resources = sum(isinstance(construct, CfnResource) for construct in stack.node.find_all())
    if resources > MOST_RESOURCES:
        raise Misconfigured(
            f"this deployment makes {resources} resources and CloudFormation takes {MOST_RESOURCES} in one stack: "
            "divide its sources among two deployment files with two archive names"
        )


def _context() -> dict[str, Any]:
    """The feature flags of cdk.json, which only the CDK CLI reads by itself."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return context
