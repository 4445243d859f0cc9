"""The stack of one deployment file."""

from __future__ import annotations

from aws_cdk import Stack
from constructs import Construct

from functions.archiver.settings.deployment import Deployment
from infra.recording_archive import RecordingArchive


class ArchiveStack(Stack):
    """One archive, under the name that the file gives it."""

    def __init__(self, scope: Construct, *, deployment: Deployment) -> None:
        super().__init__(
            scope, deployment.archive.name, description="Archive of call recordings", analytics_reporting=False
        )
        self.archive = RecordingArchive(self, "Archive", deployment=deployment)
