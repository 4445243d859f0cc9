"""Everything that one source has to itself: they handle one account's credentials and a stranger's bytes."""

from __future__ import annotations

from constructs import Construct

from functions.archiver.settings.deletion import require_safe_archive
from functions.archiver.settings.deployment import Source
from functions.archiver.settings.parameters import source_parameter_name
from infra.parameters import parameter
from infra.recording_archive import RecordingArchive, apply_boundary
from infra.source.alarms import rules
from infra.source.downloader import Downloader
from infra.source.lanes import Lanes
from infra.source.lister import Lister
from infra.source.reconciler import Reconciler
from infra.source.sweeper import Sweeper
from infra.source.webhook import Webhook

ASKED = ("lister", "downloader", "reconciler", "webhook")
"""The functions that commands ask for by name."""


class SourcePipeline(Construct):
    """One source, from its provider to the bucket of `archive`, which may be in this stack or in another one.

    `webhook_url` is what to register at the provider, None for a source without webhooks.
    """

    def __init__(self, scope: Construct, id_: str, *, archive: RecordingArchive, source: Source) -> None:
        super().__init__(scope, id_)
        apply_boundary(self, archive.archive)
        shared = archive.shared_with(self)
        self.lanes = Lanes(self, "Lanes")
        self.lister = Lister(self, "Listing", shared=shared, source=source, lanes=self.lanes)
        self.downloader = Downloader(self, "Archiving", shared=shared, source=source, lanes=self.lanes)
        self.reconciler = Reconciler(self, "Reconciling", shared=shared, source=source, lanes=self.lanes)
        self.webhook = (
            Webhook(self, "Receiving", shared=shared, source=source, lanes=self.lanes) if source.webhook else None
        )
        require_safe_archive(archive.archive, source)
        self.sweeper = (
            Sweeper(self, "Sweeping", shared=shared, source=source, lanes=self.lanes)
            if source.delete_after_days
            else None
        )
        self.webhook_url = self.webhook.url if self.webhook else None
        functions = self._functions()
        dead_letters = self.lanes.dead_letters
        for alarm, rule in rules(archive.archive.name, source, functions, dead_letters.queue_name):
            shared.alerts.alarm(self, alarm, source.name, rule)
        facts = {
            "queue": self.lanes.queue.queue_url,
            "dead_letters": dead_letters.queue_name,  # beside the queue: a parameter is kept below 1 KB
            "functions": {step: name for step, name in functions.items() if step in ASKED},
            "schedules": {
                **self.lister.schedules,
                **self.reconciler.schedules,
                **(self.sweeper.schedules if self.sweeper else {}),
            },
            "webhook_url": self.webhook_url,
        }
        name = source_parameter_name(archive.archive.name, source.name)
        parameter(self, name, f"Source {source.name} of the recording archive {archive.archive.name}", facts)

    def _functions(self) -> dict[str, str]:
        """The names of the functions by their step."""
        steps = {
            "lister": self.lister,
            "downloader": self.downloader,
            "reconciler": self.reconciler,
            "webhook": self.webhook,
            "sweeper": self.sweeper,
        }
        return {name: step.function.function_name for name, step in steps.items() if step}
