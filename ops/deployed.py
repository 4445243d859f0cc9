"""The settings of a stack that is deployed: what its functions were given, asked from AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment, Source
from functions.archiver.settings.environment import Settings
from ops.output import ExitCode, Failure


def source_of(deployment: Deployment, name: str) -> Source:
    """The source of that name. Raises Failure (NOT_FOUND)."""
    for source in deployment.sources:
        if source.name == name:
            return source
    there = ", ".join(source.name for source in deployment.sources)
    raise Failure(ExitCode.NOT_FOUND, f"there is no source {name!r}: the file has {there}")


def settings_of(deployment: Deployment, source: str, session: boto3.Session) -> Settings:
    """What the downloader of `source` was given. Raises Misconfigured when there is none, or AWS cannot be asked."""
    try:
        for function in _functions(deployment.archive.name, session):
            if function.get("Handler", "").split(".")[-2:-1] != ["downloader"]:
                continue
            settings = Settings.from_env(function.get("Environment", {}).get("Variables", {}))
            if settings.source.name == source:
                return settings
    except (BotoCoreError, ClientError) as error:
        raise Misconfigured(f"the stack {deployment.archive.name} cannot be read: {error}") from None
    raise Misconfigured(f"the stack {deployment.archive.name} has no source {source}: deploy it first")


def _functions(stack: str, session: boto3.Session) -> Iterator[Mapping[str, Any]]:
    cloudformation, functions = session.client("cloudformation"), session.client("lambda")
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::Lambda::Function":
                yield functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
