"""The way to a source's provider by hand: its settings, its secret and its pace."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from functions.archiver.clock import Clock
from functions.archiver.errors import Closed, Misconfigured, OfTheSource
from functions.archiver.http.client import Slots
from functions.archiver.provider.provider import Provider
from functions.archiver.secret import Secret
from functions.archiver.settings.deployment import Deployment, Source
from functions.archiver.settings.toml_file import read
from functions.archiver.source_client import client_of, webhook_secrets_of
from functions.archiver.throttling.pace import MINUTE_WITH_MARGIN_MS, Pace
from functions.providers import load
from ops.archive.archive import no_such_source
from ops.archive.opening import deployed, open_deployed
from ops.archive.where import LocalFolder, deployment_file, located
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared

if TYPE_CHECKING:
    import boto3

    from ops.archive.deployed import DeployedArchive
    from ops.archive.folder import FolderArchive


MAX_WAIT_SECONDS = 600.0
"""How long a person waits for a source that is cooling down; then the verb ends and says until when."""


class MinimumInterval:
    """The pace of this process alone, for a source that no archive on AWS asks."""

    def __init__(self, requests_per_minute: float) -> None:
        self._interval = MINUTE_WITH_MARGIN_MS / 1000 / requests_per_minute
        self._next = 0.0

    def book(self, kind: str) -> None:
        """Sleeps until the next request may be sent, whatever its kind."""
        time.sleep(max(self._next - time.monotonic(), 0.0))
        self._next = time.monotonic() + self._interval

    def hold(self, seconds: float) -> None:
        """The provider has no request left for so long."""
        self._next = max(self._next, time.monotonic() + seconds)


class SharedPace:
    """The deployed archive's pace, so that the rate holds over its functions and this process together."""

    def __init__(self, pace: Pace, note: Callable[[str], None]) -> None:
        self._pace = pace
        self._note = note

    def book(self, kind: str) -> None:
        """Waits for a slot, and for a source that cools down. Raises Closed where that takes too long."""
        while True:
            try:
                return self._pace.book(kind)
            except Closed as closed:
                seconds = (closed.until - datetime.now(UTC)).total_seconds()
                if seconds > MAX_WAIT_SECONDS or self._pace.gate().pause:
                    raise
                self._note(f"{closed}: waiting {max(seconds, 1):.0f} s")
                time.sleep(max(seconds, 1.0))

    def hold(self, seconds: float) -> None:
        """The provider has no request left for so long, for the functions neither."""
        self._pace.hold(seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """Which source, of the deployment file or else of the archive; `secrets` is a file in place of Secrets Manager."""

    shared: Shared
    source: str
    deployment: Path | None = None
    secrets: Path | None = None

    def settings(self) -> Source:
        """The source as it is configured. Raises Misconfigured; Failure (NOT_FOUND) where there is none."""
        if self.deployment is not None:
            return source_of(read(self.deployment), self.source)
        return open_deployed(self.shared).settings(self.source).source

    def webhook_url(self) -> str | None:
        """Where the deployed archive takes the source's events; None where that is not known."""
        archive = self._archive()
        return archive.source(self.source).webhook_url if archive else None

    def provider(self) -> Provider:
        """The client of the source. Raises Misconfigured, and Failure where the secret cannot be read."""
        source = self.settings()
        return client_of(source, self._secret(source), self._slots(source))

    def cool_down(self, trouble: OfTheSource) -> None:
        """Lets the functions of a deployed archive know that the provider asked for a break."""
        archive = self._archive()
        if archive is not None:
            archive.runtime(self.source).pace.cool_down(trouble)

    def webhook_secrets(self) -> list[Secret]:
        """The secrets that verify the source's webhook requests. Raises as `provider`."""
        source = self.settings()
        return webhook_secrets_of(self._secret(source), source.secret)

    def _slots(self, source: Source) -> Slots:
        if folder := self._folder():
            # Beside a run that works on it, and for the next one to know.
            return SharedPace(_pace_in(folder, source), self.shared.output().note)
        archive = self._archive()
        if archive is None:
            return MinimumInterval(source.requests_per_minute)
        return SharedPace(archive.runtime(source.name).pace, self.shared.output().note)

    def _folder(self) -> FolderArchive | None:
        """The local archive that is named, whose runs ask the source too."""
        if self.deployment is None or self.shared.archive is None:
            return None
        place = located(self.shared.archive)
        if not isinstance(place, LocalFolder):
            return None
        # Imported here: what is on AWS needs no engine of a folder.
        from ops.archive.folder import FolderArchive

        return FolderArchive(place.path, writes=True)

    def _archive(self) -> DeployedArchive | None:
        """The archive on AWS that asks the source too; None where there is none, or not yet.

        A file of secrets is for a source that nobody has deployed, unless a stack is named beside it.
        """
        where = self.shared.archive
        if self._folder():
            return None
        if self.secrets is not None and (where is None or deployment_file(where) is not None):
            return None
        if self.deployment is None or self.shared.archive is not None:
            return open_deployed(self.shared)
        archive = deployed(self.shared, read(self.deployment).archive.name)
        try:
            archive.source(self.source)
        except Failure as failure:
            if failure.kind not in ("no_archive", "no_source"):
                raise
            self.shared.output().note(f"{self.source} is not deployed yet: only this command keeps its pace")
            return None
        return archive

    def keep_webhook_secret(self, made: Secret) -> str:
        """Keeps a secret that the provider made beside those that there are, newest first; where it is kept now.

        Never printed: a terminal's history is no place for it. Raises as `provider`.
        """
        source = self.settings()
        secret = self._secret(source)
        known = [each.reveal() for each in webhook_secrets_of(secret, source.secret)]
        secret["webhook_secret"] = list(dict.fromkeys([made.reveal(), *known]))
        if self.secrets:
            _into_file(self.secrets, source, secret)
            return str(self.secrets)
        self._session().client("secretsmanager").put_secret_value(
            SecretId=source.secret, SecretString=json.dumps(secret)
        )
        return f"the secret {source.secret}"

    def _session(self) -> boto3.Session:
        # Imported here: with --secrets no by-hand verb needs AWS.
        import boto3

        return boto3.Session(profile_name=self.shared.profile, region_name=self.shared.region)

    def _secret(self, source: Source) -> dict[str, object]:
        secret = _from_file(self.secrets, source) if self.secrets else self._from_aws(source)
        if not isinstance(secret, dict):
            raise Misconfigured(f"the secret {source.secret} is missing or not a JSON object")
        return secret

    def _from_aws(self, source: Source) -> object:
        from botocore.exceptions import ClientError, NoRegionError

        try:
            text = self._session().client("secretsmanager").get_secret_value(SecretId=source.secret)["SecretString"]
            return json.loads(text)
        except NoRegionError:
            raise Misconfigured(
                f"the secret {source.secret} cannot be read: set AWS_REGION, or give --secrets FILE"
            ) from None
        except ClientError as error:
            raise Failure(ExitCode.UNAVAILABLE, f"the secret {source.secret} cannot be read: {error}") from None
        except (KeyError, ValueError):
            raise Misconfigured(f"the secret {source.secret} is not a JSON object") from None


def _pace_in(folder: FolderArchive, source: Source) -> Pace:
    return Pace(
        folder.table,
        source=source.name,
        requests_per_minute=source.requests_per_minute,
        lanes=source.max_parallel_downloads,
        clock=Clock(),
        limits=load(source.provider).declaration.limits,
    )


def source_of(deployment: Deployment, name: str) -> Source:
    """The source of that name. Raises Failure (NOT_FOUND)."""
    for source in deployment.sources:
        if source.name == name:
            return source
    raise no_such_source("the deployment file", name, [source.name for source in deployment.sources])


def _from_file(path: Path, source: Source) -> object:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Misconfigured(f"{path}: cannot be read as JSON") from None
    return document.get(source.secret) if isinstance(document, dict) else None


def _into_file(path: Path, source: Source, secret: dict[str, object]) -> None:
    """Replaces the file as a whole, open to its owner alone: half a file of secrets would be none."""
    document = json.loads(path.read_text(encoding="utf-8")) | {source.secret: secret}
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        json.dump(document, file, indent=2)
    Path(name).replace(path)
