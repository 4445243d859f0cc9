"""Logical ids for what must never be replaced. CloudFormation makes anew whatever changes its logical id."""

from __future__ import annotations

import re

from aws_cdk import CfnElement, Stack
from constructs import Construct, IConstruct


def lasting_id(scope: Construct, name: str) -> str:
    """An id made of the place of `scope` in its stack and `name`; nothing inside `scope` can change it."""
    above = len(Stack.of(scope).node.scopes)
    path = "".join(part.node.id for part in scope.node.scopes[above:])
    return re.sub(r"[^A-Za-z0-9]", "", path) + name


def name_for_good(construct: IConstruct, logical_id: str) -> None:
    """Gives the construct's own resource its logical id."""
    element = construct.node.default_child
    assert isinstance(element, CfnElement)
    element.override_logical_id(logical_id)
