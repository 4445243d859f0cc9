"""Keys for proof, people and alarms: what each takes, and the one sentence that refuses the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.archiver.errors import Misconfigured
from functions.archiver.settings.deployment import Deployment
from functions.archiver.settings.toml_file import read
from tests.harness.deployments import a_source
from tests.harness.toml_files import complaint

ROLE = "arn:aws:iam::111122223333:role/ops/BreakGlass"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000"
TIER = '[[archive.tiers]]\nafter = "90 days"\nstorage_class = "GLACIER_IR"'


def written(folder: Path, *, archive: str = "", source: str = "", more: str = "") -> Path:
    file = folder / "mine.toml"
    file.write_text(
        f'[archive]\nname = "recordings"\nalerts = ["ops@example.com"]\n{archive}\n'
        f'[sources.acme]\nprovider = "kazoo"\nbase_url = "https://acme.example.com"\nsecret = "recordings/acme"\n'
        f'{source}\n[sources.acme.options]\naccount_id = "{"0" * 32}"\n{more}\n',
        encoding="utf-8",
    )
    return file


def test_what_is_left_out(tmp_path: Path) -> None:
    deployment = read(written(tmp_path))
    archive, (source,) = deployment.archive, deployment.sources
    assert (archive.timezone, archive.object_lock, archive.sign, archive.events) == ("UTC", None, False, False)
    assert archive.access_policies
    assert archive.urgent_addresses == archive.alerts == ("ops@example.com",)
    assert (source.expire_after_days, source.webhook_url, source.delete_after_days) == (None, None, None)


def test_what_is_given(tmp_path: Path) -> None:
    given = [
        'timezone = "Europe/Berlin"',
        'urgent = ["night@example.com"]',
        'runbook_url = "https://wiki.example.com/recordings"',
        "events = true",
        "access_policies = false",
        f'break_glass_role = "{ROLE}"',
        'object_lock = "compliance"',
        "compliance_cannot_be_undone = true",
        "sign = true",
        f'export_key = "{KEY}"',
    ]
    own = [
        'expire_after = "365 days"',
        "webhook = true",
        'webhook_url = "https://hooks.example.com/webhooks/acme"',
        'delete_at_source = { after = "30 days" }',
        'delete_secret = "recordings/acme-delete"',
    ]
    deployment = read(written(tmp_path, archive="\n".join(given), source="\n".join(own)))
    archive, (source,) = deployment.archive, deployment.sources
    assert archive.urgent_addresses == ("night@example.com",)
    assert (archive.object_lock, archive.compliance_cannot_be_undone) == ("compliance", True)
    assert (archive.break_glass_role, archive.export_key, archive.access_policies) == (ROLE, KEY, False)
    assert (archive.timezone, archive.sign, archive.events) == ("Europe/Berlin", True, True)
    assert (source.expire_after_days, source.term_days(archive)) == (365, 365)
    assert (source.delete_after_days, source.delete_secret) == (30, "recordings/acme-delete")
    assert source.webhook_url == "https://hooks.example.com/webhooks/acme"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('timezone = "Berlin"', "timezone: must be a time zone"),
        ('timezone = "../etc/passwd"', "timezone: must be a time zone"),
        ('timezone = "Europe"', "timezone: must be a time zone"),
        ('urgent = ["nobody"]', "urgent: must be mail addresses, and 'nobody' is none"),
        ('urgent = ["a@example.com", "a@example.com"]', "urgent: must name each address once"),
        ('runbook_url = "http://wiki.example.com"', "runbook_url: must be an https:// address"),
        ('runbook_url = "https://wiki.example.com/?page=1"', "runbook_url: must be an https:// address"),
        ('object_lock = "strict"', "object_lock: must be governance or compliance"),
        ('object_lock = "compliance"', "compliance_cannot_be_undone: must be true"),
        ('object_lock = "governance"\ncompliance_cannot_be_undone = true', "compliance_cannot_be_undone: is only for"),
        ("compliance_cannot_be_undone = true", "compliance_cannot_be_undone: is only for"),
        ('sign = "yes"', "sign: must be true or false"),
        ("events = 1", "events: must be true or false"),
        ("access_policies = 0", "access_policies: must be true or false"),
        ('export_key = "alias/exports"', "export_key: must be an ARN, of a KMS key"),
        ('break_glass_role = "BreakGlass"', "break_glass_role: must be an ARN, of a role"),
        ('break_glass_role = "arn:aws:iam::111122223333:user/me"', "break_glass_role: must be an ARN, of a role"),
        ('runbok_url = "https://x.example"', "runbok_url: unknown key (did you mean runbook_url?)"),
    ],
)
def test_a_mistake_about_the_archive(tmp_path: Path, line: str, says: str) -> None:
    assert f": archive.{says}" in complaint(written(tmp_path, archive=line))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('expire_after = "36 hours"', "expire_after: must be whole days"),
        ('expire_after = "40000 days"', "expire_after: must be from 1 day to 36500 days"),
        ('delete_at_source = "30 days"', "delete_at_source: must be a table such as"),
        ("delete_at_source = {}", "delete_at_source.after: is missing"),
        ('delete_at_source = { after = "1 hour" }', "delete_at_source.after: must be whole days"),
        ('delete_at_source = { afer = "1 day" }', "delete_at_source.afer: unknown key (did you mean after?)"),
        ('delete_at_source = { after = "30 days" }', "delete_secret: is missing"),
        ('delete_secret = "recordings/acme-delete"', "delete_secret: is only for a source with delete_at_source"),
        (
            'delete_at_source = { after = "30 days" }\ndelete_secret = "recordings/acme"',
            "delete_secret: must not be the secret that all functions read",
        ),
        (
            'delete_at_source = { after = "30 days" }\ndelete_secret = "two words"',
            "delete_secret: must be a name in Secrets Manager",
        ),
    ],
)
def test_a_mistake_about_a_source(tmp_path: Path, line: str, says: str) -> None:
    assert f": sources.acme.{says}" in complaint(written(tmp_path, source=line))


def test_a_sources_own_term_leaves_a_tier_its_time(tmp_path: Path) -> None:
    text = complaint(written(tmp_path, source='expire_after = "120 days"', more=TIER))
    assert "90 days that S3 bills at the least before sources.acme.expire_after (90 + 90 is more than 120 days)" in text
    assert read(written(tmp_path, source='expire_after = "180 days"', more=TIER)).sources[0].expire_after_days == 180


def test_a_sources_own_term_is_refused_for_a_bucket_of_ones_own(tmp_path: Path) -> None:
    text = complaint(written(tmp_path, archive='bucket = "calls-of-acme"', source='expire_after = "120 days"'))
    assert "sources.acme.expire_after: cannot be set for a bucket of your own" in text


def test_more_sources_with_webhooks_than_one_api_takes_are_refused_in_a_sentence(tmp_path: Path) -> None:
    archive = read(written(tmp_path)).archive
    sources = tuple(a_source(f"source-{number}", webhook=True) for number in range(301))
    assert len(Deployment(archive=archive, sources=sources[1:]).sources) == 300
    with pytest.raises(Misconfigured, match=r"^sources: must hold at most 300 with .* 301 have it"):
        Deployment(archive=archive, sources=sources)


def test_the_name_of_a_sources_stack_fits_into_cloudformation(tmp_path: Path) -> None:
    file = written(tmp_path)
    long = (
        file.read_text(encoding="utf-8").replace('"recordings"', f'"{"r" * 100}"').replace("sources.acme", "sources.a")
    )
    file.write_text(long.replace("sources.a", f"sources.{'a' * 27}"), encoding="utf-8")
    assert read(file).sources
    file.write_text(long.replace("sources.a", f"sources.{'a' * 28}"), encoding="utf-8")
    assert "archive.name: must be shorter" in complaint(file)
