"""A deployed archive as the command finds it: the parameters that the stacks write, and the functions' settings."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import boto3

from functions.archiver.settings.deployment import Archive, Source
from functions.archiver.settings.environment import Settings
from functions.archiver.settings.parameters import LAYOUT, archive_parameter_name, source_parameter_name
from tests.doubles.aws import BUCKET, REGION, TABLE, Aws

ARCHIVE = "recordings"


def a_source(name: str, **fields: Any) -> Source:
    given: dict[str, Any] = {
        "provider": "babelforce",
        "base_url": "https://acme.babelforce.com",
        "secret": f"recordings/{name}",
        "requests_per_minute": 6000,
        "max_parallel_downloads": 1,
        "overlap": timedelta(hours=24),
    }
    return Source(name=name, **(given | fields))


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@functools.cache
def client(service: Any) -> Any:
    """Made once: a client costs more time than a test."""
    return session().client(service)


def deploy(
    aws: Aws,
    *sources: Source,
    zone: str = "UTC",
    layout: int = LAYOUT,
    with_functions: bool = False,
    archive: Archive | None = None,
    export_key: str | None = None,
) -> None:
    """Writes what the stacks of an archive with these sources write. Inside of moto only.

    `with_functions` makes the downloaders as well, whose environment holds the sources' settings.
    """
    facts = {
        "version": "0.1.0",
        "commit": "3a0a892",
        "bucket": BUCKET,
        "table": TABLE,
        "topics": {"alerts": "arn:aws:sns:eu-central-1:123456789012:alerts"},
        "zone": zone,
        "layout": layout,
        "events": True,
        "eraser": "arn:aws:iam::123456789012:role/recordings-Eraser",
        "break_glass": "arn:aws:iam::123456789012:role/break-glass",
        "export_key": export_key,
    }
    put_parameter(archive_parameter_name(ARCHIVE), json.dumps(facts))
    for source in sources:
        _deploy_source(aws, source)
        if with_functions:
            _make_downloader(aws, source, archive or Archive(name=ARCHIVE))


def put_parameter(name: str, value: str) -> None:
    client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def _deploy_source(aws: Aws, source: Source) -> None:
    functions = {role: f"{ARCHIVE}-{source.name}-{role}" for role in ("lister", "downloader", "reconciler")}
    facts = {
        "queue": aws.queue_url,
        "dead_letters": f"{aws.queue_url}-dead",
        "functions": functions,
        "webhook_url": f"https://api.example.com/webhooks/{source.name}" if source.webhook else None,
    }
    put_parameter(source_parameter_name(ARCHIVE, source.name), json.dumps(facts))


def _make_downloader(aws: Aws, source: Source, archive: Archive) -> None:
    settings = Settings(bucket=BUCKET, table=TABLE, queue_url=aws.queue_url, archive=archive, source=source)
    assumed = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = client("iam").create_role(RoleName=f"role-{source.name}", AssumeRolePolicyDocument=assumed)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("index.py", "")
    client("lambda").create_function(
        FunctionName=f"{ARCHIVE}-{source.name}-downloader",
        Role=role["Role"]["Arn"],
        Runtime="python3.14",
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": settings.to_env()},
    )
