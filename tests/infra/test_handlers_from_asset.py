"""Every handler of the template answers from the zipped asset under Lambda's own client, with nothing else at hand.

The client is that of this Python, not of the runtime; Lambda's file system and its limits of memory and time cannot be
shown here.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.bundle import REQUIREMENTS, WHEELHOUSE, bundle, wheels
from ops.local.moto.embedded_aws import EmbeddedAws
from ops.local.moto.template import Template as MotoTemplate
from simulators.providers.babelforce import Babelforce
from tests.doubles.aws_over_http import aws_over_http
from tests.doubles.stream import a_record
from tests.harness.deployments import a_deployment, a_source
from tests.harness.runtime_api import FunctionFailed, RuntimeApi
from tests.infra.template import Function, Template, deployed

REGION = "eu-central-1"
RECORDINGS = 2


@dataclass(frozen=True, kw_only=True)
class World:
    """An archive of one simulated source behind an endpoint, and the asset as Lambda would unpack it."""

    asset: Path
    template: Template
    physical: dict[str, str]
    endpoint: str
    aws: EmbeddedAws
    api: RuntimeApi

    def environment(self, function: Function) -> dict[str, str]:
        """What the template gives the function, names filled in, and what Lambda adds."""
        own = {name: self.physical.get(value, value) for name, value in function.environment.items()}
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return {
            **own,
            **credentials,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def answers(self, step: str, *events: dict[str, Any], source: str = "acme-uk") -> list[Any]:
        """What the function of this step answers to events, one after the other, in one process."""
        function = self.template.function(step, source)
        handler, memory = function.properties["Handler"], function.properties["MemorySize"]
        with self.api.function(handler, self.asset, self.environment(function), memory_mib=memory):
            seconds = function.properties["Timeout"]
            return [self.api.invoke(event, seconds=seconds) for event in events]

    def messages(self) -> list[dict[str, Any]]:
        """What is in the lanes, as the event source mapping hands it over."""
        queue = next(id_ for id_ in self.template.queues(dead_letters=False))
        sqs = self.aws.session().client("sqs")
        found = sqs.receive_message(
            QueueUrl=self.physical[queue], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [{"body": each["Body"], "attributes": each["Attributes"]} for each in found.get("Messages", [])]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("lambda")
    bundle(folder / "bundled", wheels(WHEELHOUSE, REQUIREMENTS))
    zipped = shutil.make_archive(str(folder / "asset"), "zip", folder / "bundled")
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder / "task")
    with Babelforce(recordings=RECORDINGS, sizes=(3_000, 30_000)) as simulator, aws_over_http() as endpoint:
        source = a_source(
            base_url=simulator.base_url,
            allow_private_addresses=True,
            start=simulator.start,
            requests_per_minute=6000,
            max_parallel_downloads=RECORDINGS,
            webhook=True,
        )
        template = deployed(a_deployment(source, events=True))
        made = MotoTemplate(template.document)
        aws = EmbeddedAws()
        aws.make(made, {source.secret: json.dumps(simulator.secret)})
        with RuntimeApi() as api:
            yield World(
                asset=folder / "task", template=template, physical=made.physical, endpoint=endpoint, aws=aws, api=api
            )


def test_lister_and_downloader_archive_a_source_from_the_asset_alone(world: World) -> None:
    listed, dispatched = world.answers("lister", {"action": "list"}, {"action": "dispatch"})
    assert (listed["new"], dispatched["queued"]) == (RECORDINGS, 0)
    messages = world.messages()
    assert messages
    answers = world.answers("downloader", *({"Records": [message]} for message in messages))
    assert {answer["outcome"] for answer in answers} == {"archived"}
    s3 = world.aws.session().client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=world.physical["ArchiveBucket"])["Contents"]]
    for folder in ("audio", "metadata"):
        assert len([key for key in keys if key.startswith(f"{folder}/source=acme-uk/")]) == len(messages)


def test_the_reconciler_reports_from_the_asset_alone(world: World) -> None:
    (answer,) = world.answers("reconciler", {})
    assert answer["report"].startswith("reports/source=acme-uk/")


def test_the_webhook_answers_from_the_asset_alone(world: World) -> None:
    event = {
        "version": "2.0",
        "headers": {"content-type": "application/json"},
        "body": "{}",
        "isBase64Encoded": False,
        "requestContext": {"domainName": "x", "http": {"method": "POST"}},
    }
    refused, unsupported = world.answers(
        "webhook", event, {**event, "requestContext": {"domainName": "x", "http": {"method": "PUT"}}}
    )
    assert (refused["statusCode"], unsupported["statusCode"]) == (401, 405)


def test_the_function_of_events_reads_the_stream_from_the_asset_alone(world: World) -> None:
    pace = a_record({"pk": "acme-uk#pace"}, {"pk": "acme-uk#pace", "tat": 1}, 1)
    unknown = a_record({"pk": "x"}, {"pk": "x", "kind": "recording", "state": "archived"}, 2)
    (answer,) = world.answers("events", {"Records": [pace, unknown]}, source="")
    assert answer == {"batchItemFailures": [{"itemIdentifier": unknown["dynamodb"]["SequenceNumber"]}]}


def test_every_handler_of_the_template_is_among_these(world: World) -> None:
    assert {function.step for function in world.template.functions()} == {
        "lister",
        "downloader",
        "reconciler",
        "webhook",
        "events",
    }


def test_what_a_handler_raises_is_an_error_that_sqs_redelivers(world: World) -> None:
    with pytest.raises(FunctionFailed, match="Unreadable"):
        world.answers("downloader", {"Records": [{"body": "{}", "attributes": {}}]})


def test_a_handler_that_cannot_be_imported_is_seen(world: World, tmp_path: Path) -> None:
    missing = world.api.function("functions.nothing.handler", tmp_path / "task", {}, memory_mib=128)
    (tmp_path / "task").mkdir()
    with pytest.raises(FunctionFailed, match="nothing"), missing:
        world.api.invoke({})
