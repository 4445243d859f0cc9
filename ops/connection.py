"""The way to a source's provider by hand: its settings, its secret, and a pace for this process."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from functions.archiver.errors import Misconfigured
from functions.archiver.provider.provider import Provider
from functions.archiver.secret import Secret
from functions.archiver.settings.deployment import Source
from functions.archiver.settings.toml_file import read
from functions.archiver.source_client import client_of, webhook_secrets_of
from functions.archiver.throttling.pace import MINUTE_WITH_MARGIN_MS
from ops.deployed import source_of
from ops.output import ExitCode, Failure

if TYPE_CHECKING:
    import boto3


class MinimumInterval:
    """Paces this process only. A deployed archive keeps its own pace, so together they can exceed the rate."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """Which source, and where its secret is: in a file, or in Secrets Manager (None)."""

    deployment: Path
    source: str
    secrets: Path | None = None
    profile: str | None = None
    region: str | None = None

    def settings(self) -> Source:
        """The source as the deployment file has it. Raises Misconfigured; NOT_FOUND for one that it has not."""
        return source_of(read(self.deployment), self.source)

    def provider(self) -> Provider:
        """The client of the source. Raises Misconfigured, and Failure where the secret cannot be read."""
        source = self.settings()
        return client_of(source, self._secret(source), MinimumInterval(source.requests_per_minute))

    def webhook_secrets(self) -> list[Secret]:
        """What the source's webhook requests are verified by. Raises as `provider`."""
        source = self.settings()
        return webhook_secrets_of(self._secret(source), source.secret)

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

        return boto3.Session(profile_name=self.profile, region_name=self.region)

    def _secret(self, source: Source) -> dict[str, object]:
        secret = _from_file(self.secrets, source) if self.secrets else self._from_aws(source)
        if not isinstance(secret, dict):
            raise Misconfigured(f"the secret {source.secret} is missing or not a JSON object")
        return secret

    def _from_aws(self, source: Source) -> object:
        from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

        try:
            text = self._session().client("secretsmanager").get_secret_value(SecretId=source.secret)["SecretString"]
            return json.loads(text)
        except NoRegionError:
            raise Misconfigured(
                f"the secret {source.secret} cannot be read: set AWS_REGION, or give --secrets FILE"
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise Failure(ExitCode.UNAVAILABLE, f"the secret {source.secret} cannot be read: {error}") from None
        except (KeyError, ValueError):
            raise Misconfigured(f"the secret {source.secret} is not a JSON object") from None


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
