"""`make first-deployment-check` answers each question by what the account says, and no question without evidence."""

from __future__ import annotations

import functools
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.archiver.clock import Clock
from functions.archiver.errors import ArchiveTrouble, Service
from functions.archiver.ledger.dynamodb import DynamoTable
from ops.archive.deployed import DeployedArchive
from ops.first_deployment.__main__ import main
from ops.first_deployment.answer import Answer, asked
from ops.first_deployment.of_functions import Functions
from ops.first_deployment.of_storage import Storage
from ops.first_deployment.questions import QUESTIONS, answers
from ops.first_deployment.racing import CONFLICT, TAKEN, WON, WRITERS_OF_A_KIND, race
from ops.local.engine.folder import FolderBucket
from simulators.providers.kazoo import Kazoo
from tests.doubles.aws import BUCKET, Aws, s3
from tests.doubles.plain_http import SMALL
from tests.harness.checkup import Checkup
from tests.harness.deployed import ARCHIVE, client, session

LIFECYCLE = "S3 takes the lifecycle rules"
CARRIED_OUT = "S3 carries the lifecycle rules out"
ONE_WINS = "of several writers one wins, completed uploads among them"
APART = "DynamoDB keeps a function to the items of its own source"
FIRED = "schedules fire functions by the archive's tag"
KEY = "the functions use the archive's key"
PYTHON = "the functions run on Python 3.14 on arm64"
LANES = "several lanes work under one event source mapping, and no more than there are"
MAILS = "mails of alarms arrive"


@pytest.fixture
def checkup(aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkup]:
    with Kazoo(recordings=1, bucket=None, **SMALL) as kazoo:
        made = Checkup(aws=aws, kazoo=kazoo, capsys=capsys, monkeypatch=monkeypatch)
        made.build()
        make_functions("lister", "reconciler")
        monkeypatch.setattr("ops.first_deployment.of_storage.race", raced({WON: 1, TAKEN: 6, CONFLICT: 1}))
        yield made


def raced(told: Mapping[str, int], versions: int = 1) -> Any:
    """A race on a store of which it is known what it says; moto's threads do not race as S3's callers do."""

    def run(bucket: Any, key: str) -> Mapping[str, int]:
        for _ in range(versions):
            bucket.put(key, b"{}")
        return told

    return run


def make_functions(*roles: str, runtime: Any = "python3.14", architecture: Any = "arm64") -> None:
    downloader = client("lambda").get_function(FunctionName=f"{ARCHIVE}-pbx-downloader")["Configuration"]
    environment = {"Variables": downloader["Environment"]["Variables"]}
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("index.py", "")
    client("lambda").delete_function(FunctionName=downloader["FunctionName"])
    for name in (downloader["FunctionName"], *(f"{ARCHIVE}-pbx-{role}" for role in roles)):
        client("lambda").create_function(
            FunctionName=name,
            Role=downloader["Role"],
            Runtime=runtime,
            Architectures=[architecture],
            Handler="index.handler",
            Code={"ZipFile": code.getvalue()},
            Environment=environment,
        )


@functools.cache
def one_session() -> boto3.Session:
    """Made once: it reads the services' models, which takes longer than a test."""
    return session()


def found() -> dict[str, Answer]:
    return dict(answers(DeployedArchive(ARCHIVE, one_session()), Clock()))


def answer(question: str) -> Answer:
    archive = DeployedArchive(ARCHIVE, one_session())
    given = list(archive.sources), Clock()
    return asked(partial(QUESTIONS[question], Storage(archive, *given), Functions(archive, *given)))


def lifecycle(*rules: str) -> None:
    enabled = [
        {"ID": id_, "Status": "Enabled", "Filter": {"Prefix": "doctor/"}, "Expiration": {"Days": 1}} for id_ in rules
    ]
    configuration: Any = {"Rules": enabled}
    s3().put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=configuration)


def measured(name: str, namespace: str, dimension: str, of: str, value: float) -> None:
    data = {"MetricName": name, "Dimensions": [{"Name": dimension, "Value": of}], "Value": value}
    client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


def test_the_page_and_the_check_have_the_same_questions(checkup: Checkup) -> None:
    page = Path("docs/verified.md").read_text(encoding="utf-8").partition("## What only a real account can show")[2]
    assert re.findall(r"^\* (.+)$", page, re.MULTILINE) == list(found())


def test_one_test_object_is_written_and_nothing_else(checkup: Checkup) -> None:
    before = {each["Key"] for each in s3().list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    items = checkup.aws.items()
    found()
    (made,) = {each["Key"] for each in s3().list_objects_v2(Bucket=BUCKET)["Contents"]} - before
    assert made.startswith("doctor/")
    assert checkup.aws.items() == items


def test_rules_that_the_bucket_has_were_taken(checkup: Checkup) -> None:
    assert answer(LIFECYCLE).verdict == "no"
    lifecycle("doctor-goes")
    assert answer(LIFECYCLE) == Answer("yes", "enabled: doctor-goes")


def test_an_expired_test_object_shows_that_rules_are_carried_out(checkup: Checkup) -> None:
    s3().put_object(Bucket=BUCKET, Key="doctor/earlier.json", Body=b"{}")
    assert answer(CARRIED_OUT).verdict == "open"
    s3().delete_object(Bucket=BUCKET, Key="doctor/earlier.json")  # which leaves a marker, as an expiration does
    assert answer(CARRIED_OUT).verdict == "yes"


def test_a_test_object_of_last_week_shows_that_they_are_not(checkup: Checkup) -> None:
    s3().put_object(Bucket=BUCKET, Key="doctor/earlier.json", Body=b"{}")
    checkup.monkeypatch.setattr(Clock, "now", lambda clock: datetime.now(UTC) + timedelta(days=7))
    assert answer(CARRIED_OUT).verdict == "no"


@pytest.mark.parametrize(
    ("told", "versions", "verdict"),
    [
        ({WON: 1, TAKEN: 7}, 1, "yes"),
        ({WON: 2, TAKEN: 6}, 2, "no"),
        ({WON: 1, TAKEN: 7}, 2, "no"),
        ({TAKEN: 8}, 1, "no"),
    ],
)
def test_exactly_one_writer_may_win(checkup: Checkup, told: dict[str, int], versions: int, verdict: str) -> None:
    checkup.monkeypatch.setattr("ops.first_deployment.of_storage.race", raced(told, versions))
    assert answer(ONE_WINS).verdict == verdict


def test_the_race_has_one_winner_on_a_store_that_lets_one_win(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    told = race(bucket, "doctor/x.json")
    assert told == {WON: 1, TAKEN: 2 * WRITERS_OF_A_KIND - 1}
    assert len(list(bucket.versions("doctor/"))) == 1


def test_a_role_without_bounds_is_found(checkup: Checkup) -> None:
    assert answer(APART) == Answer("no", "a foreign item is given to the functions of pbx")
    original = DynamoTable.get

    def bounded(table: DynamoTable, pk: str) -> Any:
        if not pk.startswith("pbx#"):
            raise ArchiveTrouble(Service.DYNAMODB, "AccessDeniedException")
        return original(table, pk)

    checkup.monkeypatch.setattr(DynamoTable, "get", bounded)
    assert answer(APART).verdict == "yes"


def test_other_trouble_of_the_table_is_no_refusal(checkup: Checkup) -> None:
    def throttled(table: DynamoTable, pk: str) -> Any:
        raise ArchiveTrouble(Service.DYNAMODB, "ThrottlingException")

    checkup.monkeypatch.setattr(DynamoTable, "get", throttled)
    assert answer(APART).verdict == "open"


def test_a_silent_source_shows_that_no_schedule_fires(checkup: Checkup) -> None:
    assert answer(FIRED).verdict == "yes"
    checkup.tick(timedelta(hours=1))
    assert answer(FIRED).verdict == "no"


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_recording_shows_whether_the_key_is_used(checkup: Checkup, encrypted: bool) -> None:
    assert answer(KEY).verdict == "open"
    s3().delete_bucket_policy(Bucket=BUCKET)  # moto does not know the key of its condition
    key: Any = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": checkup.key["Arn"]} if encrypted else {}
    s3().put_object(Bucket=BUCKET, Key="audio/source=pbx/date=2026-03-04/a.wav", Body=b"RIFF", **key)
    assert answer(KEY).verdict == ("yes" if encrypted else "no")


def test_another_runtime_is_named(checkup: Checkup) -> None:
    assert answer(PYTHON).verdict == "yes"
    client("lambda").update_function_configuration(FunctionName=f"{ARCHIVE}-pbx-lister", Runtime="python3.13")
    assert answer(PYTHON).verdict == "no"


def test_lanes_are_seen_by_what_lambda_counted(checkup: Checkup) -> None:
    assert answer(LANES).verdict == "open"
    checkup.monkeypatch.setattr("ops.first_deployment.of_functions.Functions._lanes", lambda functions, source: 2)
    for at_once, verdict in ((1, "open"), (2, "yes"), (3, "no")):
        measured("ConcurrentExecutions", "AWS/Lambda", "FunctionName", f"{ARCHIVE}-pbx-downloader", at_once)
        assert answer(LANES).verdict == verdict


def test_mails_are_seen_by_what_sns_delivered(checkup: Checkup) -> None:
    assert "aws cloudwatch set-alarm-state" in answer(MAILS).evidence
    measured("NumberOfNotificationsDelivered", "AWS/SNS", "TopicName", "alerts", 1)
    assert answer(MAILS).verdict == "yes"
    measured("NumberOfNotificationsFailed", "AWS/SNS", "TopicName", "alerts", 1)
    assert answer(MAILS).verdict == "no"


def test_what_may_not_be_asked_stays_open_with_the_reason(checkup: Checkup) -> None:
    client("lambda").delete_function(FunctionName=f"{ARCHIVE}-pbx-reconciler")
    assert answer(PYTHON) == Answer("open", "GetFunctionConfiguration is answered with ResourceNotFoundException")


def test_each_question_is_a_line_and_a_no_ends_with_one(checkup: Checkup) -> None:
    checkup.monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert main([ARCHIVE]) == 1
    lines = checkup.capsys.readouterr().out.splitlines()
    assert [re.split(r" +", line, maxsplit=1)[1].partition(": ")[0] for line in lines] == list(found())
