"""Recordings are deleted at the source: by local runs over days, and by the function on AWS under its own role."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.archiver.aws.engine import AwsEngine
from functions.archiver.bucket.bucket import Bytes, Lock, Properties
from functions.archiver.clock import Clock
from functions.archiver.ledger.items import entry_of
from functions.archiver.object_keys import AT_SOURCE
from functions.archiver.runtime import Runtime
from functions.archiver.sealing.statement import Listed
from functions.archiver.settings.archive import Archive
from functions.archiver.settings.environment import Settings
from ops.local.engine.sqlite_table import SqliteTable
from ops.local.functions import Sandbox
from ops.local.moto.ledger_table import TABLE as SHAPE
from simulators.providers.babelforce import Babelforce
from tests.doubles.aws import REGION, TABLE, dynamodb
from tests.doubles.clock import FakeClock
from tests.harness.calendar import Calendar
from tests.harness.deployments import a_deployment, a_source
from tests.harness.local import SMALL, LocalBench
from tests.harness.policies import Names, Policies, Recorder
from tests.harness.sealing import SealBench
from tests.infra.template import deployed, flat

LINES = 'reconcile = "1 day"\ndelete_at_source = { after = "2 days" }\ndelete_secret = "acme-delete"'


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LocalBench]:
    with Babelforce(recordings=6, **SMALL) as acme:
        found = LocalBench(folder=tmp_path, sources={"acme": acme}, lines=LINES)
        found.secrets.write_text(json.dumps({"acme": acme.secret, "acme-delete": acme.secret}))
        yield found


def entries(bench: LocalBench) -> dict[str, Any]:
    with SqliteTable(bench.out / ".archive" / "ledger.sqlite") as table:
        found = [entry_of(item) for item in table.scan() if item.get("kind") == "recording"]
        return {entry.recording.id: entry for entry in found}


def since_yesterday(acme: Babelforce, calendar: Calendar) -> set[str]:
    """Those of the days that are sealed: a first run seals what leaves its window."""
    found = acme.recordings.items()
    return {id_ for id_, recording in found if recording.recorded_at.date() >= calendar.yesterday}


def test_local_runs_rehearse_first_and_then_delete_what_the_folder_keeps_safely(
    bench: LocalBench, calendar: Calendar, capsys: pytest.CaptureFixture[str]
) -> None:
    acme = bench.sources["acme"]
    assert bench.run_here() == 0
    assert "deleted at the source; this time nothing is" in capsys.readouterr().err
    held, sealed = sorted(acme.recordings), since_yesterday(acme, calendar)
    calendar.days = 5  # the last of them are sealed by this run
    assert bench.run_here(dry_run=True) == 0
    assert "recordings are safe and old enough" in capsys.readouterr().err
    assert sorted(acme.recordings) == held
    calendar.days = 6
    assert bench.run_here() == 0
    assert f"acme: {len(sealed)} recordings are safe in the archive" in capsys.readouterr().err
    assert sorted(acme.recordings) == sorted({*held} - sealed), "history from before the first seal stays"
    assert {id_ for id_, entry in entries(bench).items() if entry.deleted_at_source} == sealed
    assert len([*bench.out.glob(f"{AT_SOURCE}source=acme/date=*/*.json")]) >= 2
    seals = len([*bench.out.glob("seals/source=acme/date=*/*.jsonl")])
    calendar.days = 7
    assert bench.run_here(reconcile=True) == 0, "what we deleted is neither missing nor gone"
    assert bench.figures()["sources"]["acme"]["gone"] == 0
    numbers = [int(path.stem) for path in bench.out.glob("seals/source=acme/date=*/*.jsonl")]
    assert (max(numbers), len(numbers) >= seals) == (1, True), "no day was sealed again"


def test_a_local_run_deletes_nothing_once_a_file_is_not_what_it_was(
    bench: LocalBench, calendar: Calendar, capsys: pytest.CaptureFixture[str]
) -> None:
    acme = bench.sources["acme"]
    assert bench.run_here() == 0
    calendar.days = 5
    assert bench.run_here(dry_run=True) == 0
    first = min(since_yesterday(acme, calendar))
    path = bench.audio(first)
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    calendar.days = 6
    assert bench.run_here() == 1
    assert "acme: deletion at the source stopped: an archived recording of" in capsys.readouterr().err
    assert first in acme.recordings


# on AWS

BUCKET = "vault"
ACCOUNT = "arn:aws:{}:eu-central-1:123456789012"
AFTER = timedelta(days=30)
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}


class Deployed:
    """One source whose recordings of a day are archived, locked and sealed, and its sweeper on moto."""

    def __init__(self, acme: Babelforce) -> None:
        self.acme = acme
        self.clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
        self.session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        dynamodb().create_table(TableName=TABLE, **SHAPE)
        s3: Any = self.session.client("s3")
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
        self.session.client("secretsmanager").create_secret(Name="acme-delete", SecretString=json.dumps(acme.secret))
        self.source = a_source(
            "acme",
            base_url=acme.base_url,
            secret="acme",
            requests_per_minute=6000,
            allow_private_addresses=True,
            delete_after_days=AFTER.days,
            delete_secret="acme-delete",
        )
        self.settings = Settings(
            bucket=BUCKET, table=TABLE, archive=Archive(name="test", object_lock="governance"), source=self.source
        )
        self.names = Names(
            bucket=BUCKET,
            table_arn=f"{ACCOUNT.format('dynamodb')}:table/{TABLE}",
            queue_arn=f"{ACCOUNT.format('sqs')}:lanes",
            secret_arn=f"{ACCOUNT.format('secretsmanager')}:secret",
        )
        self.recorder = Recorder(lambda: self.names)
        self.engine = AwsEngine(self.settings, self.session, log=io.StringIO())
        self.day = self._archive()

    def _archive(self) -> date:
        day = next(iter(self.acme.recordings.values())).recorded_at.date()
        bench = SealBench(self.engine.table, LockingBucket(self.engine.bucket, self.clock), self.clock)
        for recording in self.acme.recordings.values():
            bench.keep(recording.id, recording.recorded_at.date())
        days = {each.recorded_at.date() for each in self.acme.recordings.values()}
        self.clock.advance(timedelta(days=9))
        counted = [each.recorded_at.date() for each in self.acme.recordings.values()]
        bench.seal({each: Listed(number=counted.count(each), clean=True) for each in days})
        return day

    def sweep(self) -> dict[str, Any]:
        """The function in a fresh process, a day later; its calls are kept."""
        self.clock.advance(timedelta(days=1))
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self.recorder.listen(session, "sweeper")
        engine = AwsEngine(self.settings, session, log=io.StringIO())
        sandbox = Sandbox("sweeper", Runtime(self.settings, engine, self.clock))
        done: dict[str, Any] = sandbox.invoke({"action": "sweep"})
        return done

    def policies(self) -> Policies:
        template = deployed(a_deployment(self.source, name="test", object_lock="governance"))
        known = {
            "<ArchiveBucket.Arn>": f"arn:aws:s3:::{BUCKET}",
            "<ArchiveTable.Arn>": self.names.table_arn,
            "<AWS::Partition>": "aws",
            "<AWS::Region>": "eu-central-1",
            "<AWS::AccountId>": "123456789012",
        }

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(each) for each in value]
            if isinstance(value, dict) and not {"Ref", "Fn::GetAtt", "Fn::Join"} & value.keys():
                return {key: filled(each) for key, each in value.items()}
            text = flat(value)
            for name, real in known.items():
                text = text.replace(name, real)
            return text

        statements = [filled(each) for each in template.function("sweeper", "acme").statements()]
        of_bucket = template.of_type("AWS::S3::BucketPolicy").values()
        documents = [each["Properties"]["PolicyDocument"]["Statement"] for each in of_bucket]
        return Policies({"sweeper": statements}, [filled(each) for document in documents for each in document])


class LockingBucket:
    """What is put into it is locked for ten years, as the functions do it."""

    def __init__(self, bucket: Any, clock: Clock) -> None:
        self._bucket = bucket
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put_new(self, key: str, body: Bytes, *, sha256: bytes, properties: Properties) -> Any:
        lock = Lock(mode="GOVERNANCE", until=self._clock.now() + timedelta(days=3653))
        locked = Properties(content_type=properties.content_type, lock=lock)
        return self._bucket.put_new(key, body, sha256=sha256, properties=locked)


def test_the_function_deletes_under_its_own_role_and_needs_every_right_it_has() -> None:
    with mock_aws(), Babelforce(recordings=5, **SMALL) as acme:
        world = Deployed(acme)
        assert world.sweep()["rehearsal"]
        world.clock.advance(AFTER)
        done = world.sweep()
        assert (done["deleted"], done["stopped"], done["left"]) == (5, None, {})
        assert acme.recordings == {}
        assert world.sweep()["stopped"] is None
        policies = world.policies()
        denied = {(need.action, need.resource) for need in world.recorder.needs if not policies.allows(need)}
        assert denied == set()
        unused = {action for _, action in policies.granted() - policies.used} - LOGS
        # moto's HeadObject asks for none of these; S3 shows lock and hold to whoever has them.
        assert unused == {"s3:GetObjectRetention", "s3:GetObjectLegalHold"}


def test_a_version_under_a_delete_marker_or_without_a_lock_is_not_the_only_copy_that_is_left() -> None:
    with mock_aws(), Babelforce(recordings=5, **SMALL) as acme:
        world = Deployed(acme)
        world.sweep()
        world.clock.advance(AFTER)
        s3: Any = world.session.client("s3")
        id_, recording = next(iter(acme.recordings.items()))
        s3.delete_object(Bucket=BUCKET, Key=f"audio/source=acme/date={recording.recorded_at.date()}/{id_}.wav")
        done = world.sweep()
        assert "the bucket contradicts the ledger" in done["stopped"]
        assert id_ in acme.recordings
