"""Synthesis in this process: the cloud assembly for the CDK CLI, or just templates for tests and local runs."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnResource, DefaultStackSynthesizer, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment, Source
from infra.recording_archive import RecordingArchive
from infra.source.pipeline import SourcePipeline
from infra.stack import stacks
from infra.version import ROOT

REPORT = "validation-report.json"

MAX_RESOURCES = 300
"""In a stack of ours. CloudFormation takes 500; the rest is for what a user adds."""

Document = dict[str, Any]

_WITHOUT_BUNDLING: Document = {"aws:cdk:bundling-stacks": []}
_WITHOUT_LIMIT: Document = {"@aws-cdk/core:stackResourceLimit": 0}
_WRITTEN_BY_A_SYNTH = ("asset.*", "*.assets.json", "*.template.json", "manifest.json", "tree.json", "cdk.out", REPORT)


class Findings(Exception):
    """A template breaks a rule of AWS Solutions or of CDK's own validation; CDK has printed which."""


def templates(deployment: Deployment) -> dict[str, Document]:
    """The templates of `deployment` by their stack's name. Bundles nothing, leaves no file. Raises Misconfigured."""
    with tempfile.TemporaryDirectory() as folder:
        app = _app(Path(folder), _WITHOUT_BUNDLING, validate=False)
        for stack in stacks(app, deployment):
            _check_size(stack)
        app.synth()
        return written(Path(folder))


def written(assembly: Path) -> dict[str, Document]:
    """The templates in a cloud assembly by their stack's name."""
    return {
        file.name.removesuffix(".template.json"): json.loads(file.read_text(encoding="utf-8"))
        for file in assembly.glob("*.template.json")
    }


def template(deployment: Deployment) -> Document:
    """The whole of `deployment` in one template of any size, as an app with a single stack would have it."""
    with tempfile.TemporaryDirectory() as folder:
        app = _app(Path(folder), _WITHOUT_BUNDLING | _WITHOUT_LIMIT, validate=False)
        stack = Stack(app, "Whole", analytics_reporting=False)
        archive = RecordingArchive(stack, "Archive", deployment=deployment)
        for source in deployment.sources:
            SourcePipeline(stack, source.name, archive=archive, source=source)
        app.synth()
        document: Document = json.loads(Path(folder, "Whole.template.json").read_text(encoding="utf-8"))
        return document


def synthesise(deployment: Deployment, out: Path, *, bundle: bool = True) -> None:
    """Writes the cloud assembly of `deployment` into `out`, in place of an earlier one, and checks it.

    Raises Misconfigured; Findings once all is written.
    """
    _empty(out)
    app = _app(out, {} if bundle else _WITHOUT_BUNDLING, validate=False)
    for stack in stacks(app, deployment):
        _check_size(stack)
    app.synth()
    _hold_against_the_rules(deployment, examples(deployment, written(out)), out)


def examples(deployment: Deployment, documents: Mapping[str, Document]) -> list[Source]:
    """One source of each kind: those of one kind have templates that differ only in texts and numbers."""
    kinds = {_kind(documents[deployment.stack_of(source)]): source for source in deployment.sources}
    return list(kinds.values())


def _kind(document: Document) -> str:
    """The same for templates that differ in texts and numbers alone, and in the names of their outputs."""
    outputs = list(document.get("Outputs", {}).values())  # WebhookUrl and the source's name
    return json.dumps(_shape({**document, "Outputs": outputs}))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def _hold_against_the_rules(deployment: Deployment, sources: Sequence[Source], out: Path) -> None:
    """CDK's linter takes longer than all the rest, so the archive is checked with an example of each kind of source."""
    with tempfile.TemporaryDirectory() as folder:
        app = _app(Path(folder), _WITHOUT_BUNDLING, validate=True)
        stacks(app, deployment, sources)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        failure: RuntimeError | None = None
        try:
            app.synth()
        except RuntimeError as error:  # the only kind of error that jsii knows
            failure = error
        report = Path(folder, REPORT)
        if report.exists():
            shutil.copy(report, out / REPORT)
    if findings(out):
        raise Findings(f"the templates break rules: see {out / REPORT}") from failure
    if failure:
        raise failure


def findings(assembly: Path) -> list[str]:
    """Findings of the rules in a cloud assembly, warnings included, that nobody has acknowledged."""
    report = assembly / REPORT
    if not report.exists():
        return []
    document = json.loads(report.read_text(encoding="utf-8"))
    return [
        f"{violation['ruleName']}: {violation['description']}"
        for plugin in document["pluginReports"]
        for violation in plugin["violations"]
    ]


def _app(out: Path, context: Mapping[str, Any], *, validate: bool) -> App:
    """With the feature flags of cdk.json, which only the CDK CLI reads by itself."""
    flags: Document = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return App(
        outdir=str(out),
        context={**flags, **context},
        builtin_cloud_formation_validation=validate,
        # The CLI reads what is deployed in the lookup role's name. That one may read all objects of the account, and
        # this app looks nothing up: the deploying role reads templates just as well, and a pipeline needs no third.
        default_stack_synthesizer=DefaultStackSynthesizer(
            lookup_role_arn=DefaultStackSynthesizer.DEFAULT_DEPLOY_ROLE_ARN
        ),
    )


def _empty(out: Path) -> None:
    """Takes away what an earlier synth wrote, and nothing else: a template of a stack that is gone would be linted."""
    for pattern in _WRITTEN_BY_A_SYNTH:
        for path in out.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _check_size(stack: Stack) -> None:
    resources = sum(isinstance(construct, CfnResource) for construct in stack.node.find_all())
    if resources > MAX_RESOURCES:
        raise Misconfigured(
            f"the stack {stack.stack_name} would have {resources} resources, and {MAX_RESOURCES} are allowed"
        )
