"""Facts of a deployed archive: its SSM parameters, as the stacks write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.archiver.settings.parameters import LAYOUT, archive_parameter_name, source_parameter_name
from ops.archive.archive import no_such_source
from ops.shell.output import ExitCode, Failure

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveFacts:
    """The archive's own parameter. `topics` are ARNs by purpose: alerts, urgent.

    `eraser` is the ARN of the role that may delete, `break_glass` of the one that may do so before a governance lock
    ends, `export_key` that of the KMS key which signs exports; None where the archive was deployed without one.
    `object_lock` is the mode that recordings are locked in, None where they are not. `events`: other programs are told
    of changes.
    """

    version: str
    commit: str | None
    bucket: str
    table: str
    topics: Mapping[str, str]
    zone: str
    layout: int
    eraser: str | None = None
    break_glass: str | None = None
    export_key: str | None = None
    object_lock: str | None = None
    events: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFacts:
    """A source's parameter. `queue` and `dead_letters` are URLs; `functions` are names by role (lister, downloader,
    reconciler, webhook); `webhook_url` is None for a source without a webhook. `schedules` are names by what they fire,
    none where an older version deployed them.
    """

    queue: str
    dead_letters: str
    functions: Mapping[str, str]
    webhook_url: str | None
    schedules: Mapping[str, str] = field(default_factory=dict)


class Facts:
    """The parameters of one archive, read with the fewest calls and once each."""

    def __init__(self, ssm: SSMClient, archive: str) -> None:
        self._ssm = ssm
        self._name = archive
        self._archive: ArchiveFacts | None = None
        self._sources: dict[str, SourceFacts] = {}
        self._all_read = False

    def archive(self) -> ArchiveFacts:
        """The archive's. Raises Failure (MISUSE) where there is none, or one of a newer layout."""
        if self._archive is None:
            self._read([archive_parameter_name(self._name)])
        return self._facts_read()

    def source(self, name: str) -> SourceFacts:
        """One source's; in one call with the archive's where neither is known. Raises Failure (NOT_FOUND)."""
        if name not in self._sources and not self._all_read:
            own = [] if self._archive else [archive_parameter_name(self._name)]
            self._read([*own, source_parameter_name(self._name, name)])
        self._facts_read()
        if name not in self._sources:
            raise no_such_source(self._name, name, self.sources())
        return self._sources[name]

    def sources(self) -> Sequence[str]:
        """The names of all sources, sorted; their facts are then known as well."""
        self.archive()
        if not self._all_read:
            path = archive_parameter_name(self._name)
            for page in self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
                for parameter in page["Parameters"]:
                    self._take(parameter["Name"], parameter["Value"])
            self._all_read = True
        return sorted(self._sources)

    def _read(self, names: list[str]) -> None:
        for parameter in self._ssm.get_parameters(Names=names)["Parameters"]:
            self._take(parameter["Name"], parameter["Value"])

    def _take(self, name: str, value: str) -> None:
        try:
            fields = json.loads(value)
            if name == archive_parameter_name(self._name):
                self._archive = _archive_facts(fields)
            elif name.startswith(source_parameter_name(self._name, "")):
                self._sources[name.rpartition("/")[2]] = _source_facts(fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"is not as this version writes it ({type(error).__name__})"
            raise Failure(ExitCode.MISUSE, f"the parameter {name} {what}: deploy once more with this version") from None

    def _facts_read(self) -> ArchiveFacts:
        if self._archive is None:
            raise Failure(
                ExitCode.MISUSE,
                f"there is no parameter {archive_parameter_name(self._name)} in {self._ssm.meta.region_name}: "
                "deploy once more with this version, or name another archive or region",
                kind="no_archive",
            )
        if self._archive.layout > LAYOUT:
            raise Failure(
                ExitCode.MISUSE,
                f"{self._name} was deployed by a newer version ({self._archive.version}): use that one",
                kind="too_old",
            )
        return self._archive


def _archive_facts(fields: Mapping[str, Any]) -> ArchiveFacts:
    return ArchiveFacts(
        version=str(fields["version"]),
        commit=fields.get("commit"),
        bucket=str(fields["bucket"]),
        table=str(fields["table"]),
        topics=dict(fields["topics"]),
        zone=str(fields["zone"]),
        layout=int(fields["layout"]),
        eraser=fields.get("eraser"),
        break_glass=fields.get("break_glass"),
        export_key=fields.get("export_key"),
        object_lock=fields.get("object_lock"),
        events=bool(fields.get("events", False)),
    )


def _source_facts(fields: Mapping[str, Any]) -> SourceFacts:
    return SourceFacts(
        queue=str(fields["queue"]),
        dead_letters=_beside(str(fields["queue"]), str(fields["dead_letters"])),
        functions=dict(fields["functions"]),
        webhook_url=fields.get("webhook_url"),
        schedules=dict(fields.get("schedules", {})),
    )


def _beside(queue: str, name: str) -> str:
    """The URL of a queue in the same account; earlier versions wrote it whole."""
    return name if "/" in name else f"{queue.rpartition('/')[0]}/{name}"
