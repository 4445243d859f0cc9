"""An account's default quotas, and how much of them a deployment takes by its templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from functions.archiver.settings.deployment import MAX_WEBHOOKS

STACK = "stacks"


class Quota(NamedTuple):
    """How many resources of one type a new account may have; `ask` is the quota's name in Service Quotas."""

    words: str
    type: str
    default: int
    ask: str


QUOTAS = (
    Quota("stacks", STACK, 2000, "cloudformation L-0485CB21"),
    Quota("roles", "AWS::IAM::Role", 1000, "iam L-FE177D64"),
    Quota("routes of one API", "AWS::ApiGatewayV2::Route", 300, "apigateway L-65B5C802"),
)
"""Those that a deployment of some hundred sources passes."""

COUNTED = {
    **{quota.type: quota.words for quota in QUOTAS},
    "AWS::ApiGatewayV2::Integration": f"integrations of at most {MAX_WEBHOOKS}",
    "AWS::Lambda::Function": "functions",
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::Scheduler::Schedule": "schedules",
}
"""CloudWatch sets no limit to alarms, and a million schedules are allowed."""


def summary(root: str, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Sentences for a person: the size of the stacks, what they hold, and what an account does not allow by default."""
    sizes = {name: len(document["Resources"]) for name, document in templates.items()}
    largest = max(size for name, size in sizes.items() if name != root)
    yield (
        f"one stack for the archive with {sizes[root]} resources, {len(sizes) - 1} for sources with at most "
        f"{largest} each; every operation touches one stack"
    )
    found = Counter(each["Type"] for document in templates.values() for each in document["Resources"].values())
    found[STACK] = len(templates)
    yield ", ".join(f"{found[type_]:,} {words}" for type_, words in COUNTED.items())
    for quota in QUOTAS:
        if found[quota.type] > quota.default:
            yield (
                f"{found[quota.type]:,} {quota.words} are more than an account's default of {quota.default:,}: "
                f"ask for more before the deploy ({quota.ask})"
            )
