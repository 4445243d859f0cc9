"""`recordings seal`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ops.shell.moments import Moment
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, VerbGroup, leading_options, verb_group

FILE = click.Path(path_type=Path, dir_okay=False)
_VERIFY, _DAYS = "verify", "days"


class SealGroup(VerbGroup):
    """`seal [SOURCE]` without a verb of its own seals days."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the verb in that nobody types."""
        options, rest = leading_options(args, self.valued)
        if rest[:1] not in ([_VERIFY], [_DAYS], *([name] for name in ctx.help_option_names)):
            args = [_DAYS, *options, *rest]
        return super().parse_args(ctx, args)


@verb_group(
    SealGroup,
    topic=Topic.PROVE,
    example="recordings seal verify --head SHA256 --public-key FILE",
    valued=("--source", "--head", "--public-key", "--from", "--to", "--sign-key"),
)
def command() -> None:
    """Seal days, or check the seals: `seal [SOURCE] --from DATE`, `seal verify`."""


@command.verb(_DAYS, example="recordings seal acme-uk --from 2026-01-01")
@click.argument("source", required=False)
@click.option("--from", "since", type=Moment(), metavar="DATE", help="The first day, UTC; default: what is due.")
@click.option("--to", "until", type=Moment(), metavar="DATE", help="The last day; default: yesterday.")
@click.option("--sign-key", type=FILE, metavar="FILE", help="Sign with this ECDSA key (P-256, PEM); in a folder only.")
def days(
    shared: Shared, *, source: str | None, since: datetime | None, until: datetime | None, sign_key: Path | None
) -> ExitCode:
    """Seal days that came before sealing began: `seal [SOURCE] --from DATE`.

    A day is sealed by itself when it leaves the days that are listed again. Where the provider no longer lists a day,
    its seal says `complete: unknown`.
    """
    from ops.seals.verbs import seal

    first, last = (each.date() if each else None for each in (since, until))
    return seal(shared, source, first, last, sign_key=sign_key)


@command.verb(_VERIFY, example="recordings seal verify --source acme-uk --head SHA256")
@click.option("--source", metavar="SOURCE", help="Only the chain of this source.")
@click.option("--head", metavar="SHA256", help="A head that was kept elsewhere: it must be in the chain.")
@click.option(
    "--public-key",
    "public_keys",
    type=FILE,
    metavar="FILE",
    multiple=True,
    help="A public key that was kept elsewhere (PEM); once more for each key that followed it.",
)
def verify_(shared: Shared, *, source: str | None, head: str | None, public_keys: tuple[Path, ...]) -> ExitCode:
    """Check that no seal was changed, taken out, put in or made anew, and who signed them."""
    from ops.seals.verbs import verify

    return verify(shared, source, head=head, public_keys=public_keys)
