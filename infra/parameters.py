"""Two kinds of parameters, free of charge, by which the commands of this project find a deployed archive."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from functions.archiver.settings.parameters import archive_parameter_name
from infra.statements import allow


def parameter(scope: Construct, name: str, description: str, facts: Mapping[str, object]) -> None:
    """A parameter whose value is a JSON object; texts in it may hold tokens."""
    value = json.dumps(facts, separators=(",", ":"), sort_keys=True)
    ssm.CfnParameter(scope, "Parameter", name=name, description=description, type="String", value=value)


def may_find(scope: Construct, archive: str) -> iam.PolicyStatement:
    """Allows to read the parameter of one archive, and those of its sources."""
    name = archive_parameter_name(archive).removeprefix("/")
    own = Stack.of(scope).format_arn(service="ssm", resource="parameter", resource_name=name)
    return allow(["ssm:GetParameters", "ssm:GetParametersByPath"], [own, f"{own}/*"])
