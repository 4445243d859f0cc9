"""`recordings export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.find.filters import find_filters
from ops.shell.output import ExitCode
from ops.shell.verb import Shared, Topic, verb

if TYPE_CHECKING:
    from ops.export.export import For


@verb(topic=Topic.PROVE, example='recordings export --case "Doe v. Roe" --held-by "Doe v. Roe" --out doe.zip')
@click.argument("ids", nargs=-1)
@click.option("--case", required=True, metavar="NAME", help="What it is for; named in the export.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE.zip", help="A new file.")
@click.option("--reason", default="", metavar="TEXT", help="Why; named in the export.")
@click.option("--held-by", metavar="CASE", help="Everything that this case holds now.")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(("court", "access-request")),
    default="court",
    show_default=True,
    help="An access request gets neither custody nor agents nor anything of other calls.",
)
@click.option("--sign-key", type=click.Path(path_type=Path), metavar="FILE", help="Private key on P-256, as PEM.")
@click.option("--allow-unverified", is_flag=True, help="Include, marked, what is not as it was archived.")
@find_filters
def command(
    shared: Shared,
    *,
    ids: tuple[str, ...],
    case: str,
    out: Path,
    reason: str,
    held_by: str | None,
    purpose: For,
    sign_key: Path | None,
    allow_unverified: bool,
    **filters: object,
) -> ExitCode:
    """Hand recordings over as one zip that anybody can check without this program.

    IDS are recordings or calls; instead of them the filters of `find` select, or --held-by. If nothing is
    found, the export says so, with the query and how complete its days are.
    """
    from ops.export.export import ExportRequest
    from ops.export.verbs import export
    from ops.find.selection import Selection

    wanted = ExportRequest(case=case, reason=reason, purpose=purpose, allow_unverified=allow_unverified)
    selection = Selection(ids=ids, filters=filters)
    return export(shared, wanted, selection, held_by=held_by, out=out, sign_key=sign_key)
