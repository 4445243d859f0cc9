"""The form that every verb has: a click command with the same five options, an example, and an exit code.

A verb is a module of `ops.commands` whose `command` is made by `@verb`. It imports nothing heavy before it runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import Enum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from ops.shell.output import ExitCode, Output

HELP = ["-h", "--help"]
SETTINGS = {"help_option_names": HELP, "max_content_width": 100}


Group = TypeVar("Group", bound="VerbGroup")


class Topic(Enum):
    """Topics under which verbs are listed, in this order."""

    START = "Start"
    LOOK = "Look and listen"
    REPAIR = "Repair and steer"
    PROVE = "Prove, hold and hand over"
    PROVIDER = "At the provider"
    DEVELOP = "Develop"


class Zone(click.ParamType[ZoneInfo, str]):
    """A time zone by its name, such as Europe/Berlin."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Fails with a sentence for a name that no zone has."""
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone; write it as Europe/Berlin or UTC", param, ctx)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """The options that every verb takes. `path` is the verb as schemas name it, such as `provider-list`."""

    path: str
    archive: str | None = None
    profile: str | None = None
    region: str | None = None
    zone: ZoneInfo | None = None
    as_json: bool = False

    def output(self, archive_zone: tzinfo = UTC) -> Output:
        """Where the verb says things; `--tz` goes before the archive's own zone."""
        return Output(self.path, as_json=self.as_json, zone=self.zone or archive_zone, archive=self.archive)


def _shared_options() -> list[click.Option]:
    return [
        click.Option(
            ["-a", "--archive"],
            metavar="WHERE",
            envvar="RECORDINGS_ARCHIVE",
            help="Which archive: a local folder, a deployment file (*.toml) or a stack's name. "
            "[env: RECORDINGS_ARCHIVE; default: the only deployments/*.toml]",
        ),
        click.Option(["--profile"], metavar="NAME", help="AWS profile."),
        # botocore knows AWS_DEFAULT_REGION alone, and every other tool of AWS this one.
        click.Option(["--region"], metavar="NAME", envvar="AWS_REGION", help="AWS region. [env: AWS_REGION]"),
        click.Option(["--tz", "zone"], type=Zone(), metavar="ZONE", help="Show times in this zone."),
        click.Option(["--json", "as_json"], is_flag=True, help="Answer in JSON."),
    ]


_VALUED = ("-a", "--archive", "--profile", "--region", "--tz")
_FLAGS = ("--json",)


def leading_options(words: Sequence[str], valued: Sequence[str] = _VALUED) -> tuple[list[str], list[str]]:
    """The options of every verb (`valued` take a value) that `words` begin with, and the rest."""
    end = 0
    while end < len(words):
        word = words[end]
        attached = (word.partition("=")[0] in valued and "=" in word) or (word.startswith("-a") and len(word) > 2)
        if word in _FLAGS or attached:
            end += 1
        elif word in valued:
            end += 2
        else:
            break
    return list(words[:end]), list(words[end:])


def archive_in(words: Sequence[str]) -> str | None:
    """The -a that stands among the words of a command line, wherever; None where there is none."""
    for number, word in enumerate(words):
        if word in ("-a", "--archive"):
            return words[number + 1] if number + 1 < len(words) else None
        if word.startswith("--archive="):
            return word.partition("=")[2]
        if word.startswith("-a") and not word.startswith("--"):
            return word[2:]
    return None


class Verb(click.Command):
    """One verb, listed under `topic` with `example`."""

    def __init__(self, *args: Any, topic: Topic, example: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.topic = topic
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example stands last, where the eye ends."""
        _write_example(formatter, self.example)


class VerbGroup(click.Group):
    """A verb with verbs of its own, such as `provider SOURCE list`; they get its arguments as well.

    `valued` are options with a value of all its verbs, which may stand anywhere before the verb too.
    """

    def __init__(self, *args: Any, topic: Topic, example: str, valued: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*args, context_settings=SETTINGS, **settings)
        self.topic = topic
        self.example = example
        self.valued = (*_VALUED, *valued)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Moves the options that stand before the verb behind it."""
        options, rest = leading_options(args, self.valued)
        words = []
        for _ in [*(each for each in self.params if isinstance(each, click.Argument)), "verb"]:
            if rest and not rest[0].startswith("-"):
                words.append(rest[0])
                more, rest = leading_options(rest[1:], self.valued)
                options += more
        return super().parse_args(ctx, [*words, *options, *rest])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its verbs, each with a whole sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(120)) for name, each in sorted(self.commands.items())])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As of a verb."""
        _write_example(formatter, self.example)

    def verb(self, name: str, *, example: str) -> Callable[[Callable[..., ExitCode]], Verb]:
        """Makes a function a verb of this group."""
        return lambda function: self._add(_make_verb(function, name, self.topic, example))

    def _add(self, made: Verb) -> Verb:
        self.add_command(made)
        return made


def verb(*, topic: Topic, example: str, name: str | None = None) -> Callable[[Callable[..., ExitCode]], Verb]:
    """Makes a function a verb: `def command(shared: Shared, …) -> ExitCode`, its docstring being the help text."""
    return lambda function: _make_verb(function, name or name_of(function.__module__), topic, example)


def verb_group(
    kind: type[Group], *, topic: Topic, example: str, valued: Sequence[str] = ()
) -> Callable[[Callable[..., None]], Group]:
    """Makes a function a verb with verbs of its own, as `VerbGroup` describes; its docstring is the help text."""

    def made(function: Callable[..., None]) -> Group:
        own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
        name, text = name_of(function.__module__), inspect.getdoc(function)
        return kind(name, params=own, callback=function, help=text, topic=topic, example=example, valued=valued)

    return made


def name_of(module: str) -> str:
    """The verb that a module holds: `ops.commands.rebuild_ledger` is `rebuild-ledger`, and `import_` is `import`."""
    return module.rpartition(".")[2].rstrip("_").replace("_", "-")


def _make_verb(function: Callable[..., ExitCode], name: str, topic: Topic, example: str) -> Verb:
    own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
    return Verb(
        name,
        callback=_with_shared(function),
        params=[*own, *_shared_options()],
        help=inspect.getdoc(function),
        context_settings=SETTINGS,
        topic=topic,
        example=example,
    )


def _with_shared(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    def run(archive: str | None, profile: str | None, region: str | None, **given: Any) -> ExitCode:
        context = click.get_current_context()
        shared = Shared(
            path="-".join(_path(context)),
            archive=archive,
            profile=profile,
            region=region,
            zone=given.pop("zone"),
            as_json=given.pop("as_json"),
        )
        parent = context.parent.params if context.parent and isinstance(context.parent.command, VerbGroup) else {}
        return function(shared, **parent, **given)

    return run


def _path(context: click.Context | None) -> list[str]:
    """The words of the verb, without the program's name."""
    if context is None or context.parent is None:
        return []
    return [*_path(context.parent), context.info_name or ""]


def _write_example(formatter: click.HelpFormatter, example: str) -> None:
    formatter.write_paragraph()
    formatter.write(f"Example: {example}\n")  # on one line, however long: half a command must not run when it is pasted
