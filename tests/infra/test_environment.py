"""The environment that the template gives a function is the one that a local run gives it, for any deployment file."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.settings.archive import Archive
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.environment import ArchiveSettings, Settings, Topics, environment_of, for_functions
from functions.archiver.settings.source import Source
from functions.archiver.settings.toml_file import read
from infra.synth import template
from tests.infra.template import Template

EXAMPLE = Path(__file__).parents[2] / "deployments" / "example.toml"

EVERYTHING = """
[archive]
name = "all-of-it"
alerts = ["ops@example.com"]
urgent = ["night@example.com", "ümlaut@example.com"]
expire_after = "2555 days"
storage = "STANDARD"
timezone = "Europe/Berlin"
kms_key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
export_key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001"
permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
break_glass_role = "arn:aws:iam::111122223333:role/glass"
object_lock = "compliance"
compliance_cannot_be_undone = true
sign = true
events = true
access_policies = false
runbook_url = "https://wiki.example.com/runbook"
[[archive.tiers]]
after = "180 days"
storage_class = "DEEP_ARCHIVE"
min_bytes = 65536

[sources.hooked]
provider = "dialogtech"
base_url = "https://calls.example.com:8443/api"
secret = "recordings/hooked"
schedule = "cron(0 6 * * ? *)"
requests_per_minute = 7.5
max_parallel_downloads = 3
start = 2026-01-01T00:00:00+02:00
overlap = "3 days"
reconcile = "9 days"
expire_after = "3000 days"
delete_at_source = { after = "40 days" }
delete_secret = "recordings/hooked-delete"
webhook = true
webhook_unverified = true
webhook_url = "https://hooks.example.com/webhooks/hooked"
webhook_quiet_after = "6 hours"
allow_private_addresses = true
options = { timezone = "Europe/Berlin", format = "mp3" }

[sources.plain]
provider = "babelforce"
base_url = "https://acme.babelforce.com"
secret = "recordings/plain"
"""

OWN_BUCKET = """
[archive]
name = "own-bucket"
bucket = "a-bucket-of-ours"

[sources.plain]
provider = "babelforce"
base_url = "https://acme.babelforce.com"
secret = "recordings/plain"
"""


def deployment_of(text: str, folder: Path) -> Deployment:
    file = folder / "deployment.toml"
    file.write_text(text, encoding="utf-8")
    return read(file)


def default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def test_the_deployment_with_everything_leaves_no_setting_at_its_default(tmp_path: Path) -> None:
    everything, own = deployment_of(EVERYTHING, tmp_path), deployment_of(OWN_BUCKET, tmp_path)
    for field in fields(Archive):
        assert any(getattr(each.archive, field.name) != default(field) for each in (everything, own)), field.name
    for field in fields(Source):
        assert getattr(everything.sources[0], field.name) != default(field), field.name


@pytest.mark.parametrize("which", ["example", "everything", "a bucket of one's own"])
def test_the_template_and_a_local_run_give_a_function_the_same_environment(tmp_path: Path, which: str) -> None:
    text = {"example": EXAMPLE.read_text(encoding="utf-8"), "everything": EVERYTHING}.get(which, OWN_BUCKET)
    deployment = deployment_of(text, tmp_path)
    functions = Template(document=template(deployment)).functions()
    of_the_archive = [function for function in functions if not function.source]
    assert [function.step for function in of_the_archive] == ["events"] * deployment.archive.events
    for function in of_the_archive:
        assert ArchiveSettings.from_env(function.environment).archive == for_functions(deployment.archive)
    of_sources = [function for function in functions if function.source]
    sources = {source.name: source for source in deployment.sources}
    assert {function.source for function in of_sources} == set(sources)
    for function in of_sources:
        given = function.environment
        tells = function.step == "lister"
        topics = Topics(alerts=given["ALERTS_TOPIC"], urgent=given["URGENT_TOPIC"]) if tells else None
        expected = environment_of(
            deployment.archive,
            sources[function.source],
            bucket=given["BUCKET"],
            table=given["TABLE"],
            queue_url=given["QUEUE_URL"],
            topics=topics,
        )
        assert given == expected
        assert Settings.from_env(expected).source == sources[function.source]
        assert Settings.from_env(expected).archive == for_functions(deployment.archive)
