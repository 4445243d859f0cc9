"""`recordings webhook`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from functions.archiver.errors import Outcome
from ops.shell.command_line import command_line
from ops.shell.output import ExitCode, Failure, Output
from ops.shell.verb import Shared, Topic, VerbGroup, verb_group

if TYPE_CHECKING:
    from ops.provider.webhook_setup import WebhookSetup

FILE = click.Path(path_type=Path)
EARLIER = {"--register": "register", "--check": "check"}


class WebhookGroup(VerbGroup):
    """Takes the earlier form as well, `webhook SOURCE --register`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turns the earlier form into today's, with a warning."""
        found = [EARLIER[word] for word in args if word in EARLIER]
        if len(found) == 1:
            print(f"webhook SOURCE --{found[0]} is now written: webhook {found[0]} SOURCE", file=sys.stderr)
            args = [found[0], *(word for word in args if word not in EARLIER)]
        return super().parse_args(ctx, args)


@verb_group(
    WebhookGroup,
    topic=Topic.PROVIDER,
    example="recordings webhook register acme-uk --deployment deployments/mine.toml --url URL",
    valued=("--deployment", "--secrets", "--url"),
)
def command() -> None:
    """Have a provider send its events, or see whether it does."""


def _connecting(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    options = (
        click.argument("source"),
        click.option("--deployment", type=FILE, metavar="FILE", help="The deployment file, in place of -a."),
        click.option("--secrets", type=FILE, metavar="FILE", help="In place of Secrets Manager."),
        click.option("--url", metavar="URL", help="The source's webhook URL, from the outputs of the stack."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _setup(shared: Shared, source: str, deployment: Path | None, secrets: Path | None) -> WebhookSetup:
    from ops.provider.connection import Connection
    from ops.provider.webhook_setup import WebhookSetup

    return WebhookSetup(Connection(shared=shared, source=source, deployment=deployment, secrets=secrets))


@command.verb("register", example="recordings webhook register acme-uk --deployment FILE --url URL")
@_connecting
def register(shared: Shared, *, source: str, url: str | None, **where: Any) -> ExitCode:
    """Make the webhook at the provider, or update it and switch it on."""
    output, setup = shared.output(), _setup(shared, source, **where)
    address = setup.check_url(url)
    if not setup.declaration.registers_webhooks:
        return _by_hand(output, setup, address)
    try:
        said = setup.register(address)
    except Outcome as problem:
        raise Failure(ExitCode.UNAVAILABLE, f"{source}: {problem}") from None
    output.document({"source": source, "registered": True, "said": said})
    output.verdict(said)
    return ExitCode.DONE


@command.verb("check", example="recordings webhook check acme-uk --deployment FILE")
@_connecting
def check(shared: Shared, *, source: str, url: str | None, **where: Any) -> ExitCode:
    """Say whether a webhook leads here and is switched on."""
    output, setup = shared.output(), _setup(shared, source, **where)
    if not setup.declaration.registers_webhooks:
        return _by_hand(output, setup, url)
    try:
        found = list(setup.found())
    except Outcome as problem:
        raise Failure(ExitCode.UNAVAILABLE, f"{source}: {problem}") from None
    given = {name: str(path) for name, path in where.items() if path is not None}
    again = output.again(command_line("webhook register", source, **given, url="URL"))
    for webhook in found:
        state = f"{webhook.problem}; {again} with this URL mends that" if webhook.problem else "on"
        output.line(f"{webhook.url}: {state}")
    if not found:
        output.line(f"no webhook leads to /webhooks/{source}; {again} makes one")
    webhooks = [{"url": webhook.url, "problem": webhook.problem} for webhook in found]
    output.document({"source": source, "webhooks": webhooks})
    return ExitCode.DONE if any(webhook.problem is None for webhook in found) else ExitCode.LOOK


def _by_hand(output: Output, setup: WebhookSetup, url: str | None) -> ExitCode:
    """Steps for a person. Done by hand, so there is nothing that could be asked or wrong."""
    text = setup.by_hand(url)
    output.document({"by_hand": text})
    output.verdict(text)
    return ExitCode.DONE
