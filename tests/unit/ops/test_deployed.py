"""Asking AWS how a source was deployed, with botocore's own stubs in place of the services."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Archive, Deployment, Source
from functions.archiver.settings.environment import Settings
from ops.deployed import settings_of, source_of
from ops.output import Failure

SOURCES = tuple(
    Source(
        name=name,
        provider="babelforce",
        base_url="https://acme.babelforce.com",
        secret=name,
        requests_per_minute=30,
        max_parallel_downloads=1,
        overlap=timedelta(hours=24),
    )
    for name in ("one", "two")
)
DEPLOYMENT = Deployment(archive=Archive(name="recordings"), sources=SOURCES)


def settings(source: Source) -> Settings:
    return Settings(bucket="b", table="t", queue_url=f"q-{source.name}", archive=DEPLOYMENT.archive, source=source)


class Session(boto3.Session):
    """Gives out clients that answer what the stack's functions were given."""

    def __init__(self) -> None:
        super().__init__(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
        clients: dict[str, Any] = {
            "cloudformation": self.client("cloudformation"),
            "lambda": self.client("lambda"),
        }
        self.stack, self.functions = map(Stubber, clients.values())
        self.stack.activate()
        self.functions.activate()
        vars(self)["client"] = clients.__getitem__

    def deploy(self) -> None:
        """Two pages of resources: what is no function of ours, then lister and downloader of each source."""
        self._page([("AWS::S3::Bucket", "bucket"), ("AWS::Lambda::Function", "other")], more=True)
        names = [f"{module}-{source.name}" for source in SOURCES for module in ("lister", "downloader")]
        self._page([("AWS::Lambda::Function", name) for name in names], more=False)
        self._function("other", "index.handler", {})
        for source in SOURCES:
            env = settings(source).to_env()
            self._function(f"lister-{source.name}", "functions.lister.handler", {**env, "TABLE": "wrong"})
            self._function(f"downloader-{source.name}", "functions.downloader.handler", env)

    def _page(self, resources: list[tuple[str, str]], *, more: bool) -> None:
        rows = [
            {
                "ResourceType": type_,
                "PhysicalResourceId": name,
                "LogicalResourceId": name,
                "LastUpdatedTimestamp": 0,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for type_, name in resources
        ]
        token = {"NextToken": "more"} if more else {}
        asked = {"StackName": "recordings"} | ({} if more else {"NextToken": "more"})
        self.stack.add_response("list_stack_resources", {"StackResourceSummaries": rows, **token}, asked)

    def _function(self, name: str, handler: str, variables: dict[str, str]) -> None:
        answer = {"Handler": handler, "Environment": {"Variables": variables}}
        self.functions.add_response("get_function_configuration", answer, {"FunctionName": name})


@pytest.fixture
def session() -> Session:
    return Session()


def test_a_deployed_source_has_the_settings_of_its_downloader(session: Session) -> None:
    session.deploy()
    assert settings_of(DEPLOYMENT, "two", session) == settings(SOURCES[1])


def test_a_source_that_was_not_deployed_yet_is_named(session: Session) -> None:
    session.deploy()
    with pytest.raises(Misconfigured, match="the stack recordings has no source three: deploy it first"):
        settings_of(DEPLOYMENT, "three", session)


def test_a_stack_that_is_not_there_is_named(session: Session) -> None:
    session.stack.add_client_error("list_stack_resources", "ValidationError", "Stack recordings does not exist")
    with pytest.raises(Misconfigured, match=r"the stack recordings cannot be read: .* does not exist"):
        settings_of(DEPLOYMENT, "one", session)


def test_missing_credentials_are_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured, match="cannot be read"):
        settings_of(DEPLOYMENT, "one", boto3.Session())


def test_an_unknown_source_is_answered_with_those_there_are() -> None:
    with pytest.raises(Failure, match="there is no source 'three': the file has one, two"):
        source_of(DEPLOYMENT, "three")
