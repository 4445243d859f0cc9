"""Two kinds of parameters, free of charge, by which the commands of this project find a deployed archive."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_ssm as ssm
from constructs import Construct


def parameter(scope: Construct, name: str, description: str, facts: Mapping[str, object]) -> None:
    """A parameter whose value is a JSON object; texts in it may hold tokens."""
    value = json.dumps(facts, separators=(",", ":"), sort_keys=True)
    ssm.CfnParameter(scope, "Parameter", name=name, description=description, type="String", value=value)
