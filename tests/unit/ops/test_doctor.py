"""`recordings doctor` names each planted fault and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.archiver.alerting.telling import Address, first_command
from functions.archiver.alerting.trouble import QUIET, REFUSING
from functions.archiver.clock import Clock
from functions.archiver.errors import Unauthorized
from functions.archiver.throttling.pace import Pace
from functions.archiver.throttling.pause import Pause, pause
from infra.bucket_policy import only_tls, statements
from ops.__main__ import main
from ops.archive.deployed import DeployedArchive
from ops.doctor.policy import not_enforced
from simulators.providers.kazoo import Kazoo
from tests.doubles.aws import BUCKET, REGION, Aws, s3
from tests.doubles.plain_http import SMALL
from tests.harness.archives import given_archive
from tests.harness.checkup import Checkup
from tests.harness.deployed import ARCHIVE, client
from tests.harness.schemas import checked

TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def checkup(aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkup]:
    with Kazoo(recordings=1, bucket=None, **SMALL) as kazoo:
        made = Checkup(aws=aws, kazoo=kazoo, capsys=capsys, monkeypatch=monkeypatch)
        made.build()
        yield made


def _unconfirmed(checkup: Checkup) -> None:
    waiting = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "ops@example.com"}
    checkup.monkeypatch.setattr(
        "botocore.paginate.PageIterator.__iter__", lambda pages: iter([{"Subscriptions": [waiting]}])
    )


def _without_delete_deny(checkup: Checkup) -> None:
    kept = [each for each in statements(f"arn:aws:s3:::{BUCKET}", erasers=[]) if each["Sid"] != "NoDeletes"]
    s3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": kept}))


def _wrong_clock(checkup: Checkup) -> None:
    now = Clock.now
    checkup.monkeypatch.setattr("ops.doctor.deployed.Clock.now", lambda clock: now(clock) + TEN_MINUTES)
    checkup.tick()


FAULTS: dict[str, tuple[str, Callable[[Checkup], object]]] = {
    "the secret is not there": ("secret.readable", lambda checkup: checkup.put_secret(None)),
    "a field is missing in the secret": ("secret.fields", lambda checkup: checkup.put_secret({"user": "x"})),
    "the provider does not know the key": (
        "provider.lists",
        lambda checkup: checkup.put_secret({"api_key": "hidden-wrong-one"}),
    ),
    "a schedule is off": ("schedule.enabled", lambda checkup: checkup.schedule("dispatch", "DISABLED")),
    "no tick comes": ("tick.fresh", lambda checkup: checkup.tick(timedelta(hours=1))),
    "a message lies in the dead-letter queue": (
        "dead-letters.empty",
        lambda checkup: client("sqs").send_message(
            QueueUrl=checkup.dead_letters, MessageBody="x", MessageGroupId="0", MessageDeduplicationId="x"
        ),
    ),
    "nobody confirmed the mail": ("alerts.confirmed", _unconfirmed),
    "the provider switched the hook off": ("webhook.enabled", lambda checkup: checkup.kazoo.disable_webhooks()),
    "the bucket keeps no versions": (
        "bucket.versioned",
        lambda checkup: s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}),
    ),
    "the bucket's policy lets people delete": ("bucket.policy", _without_delete_deny),
    "the key is disabled": ("key.usable", lambda checkup: client("kms").disable_key(KeyId=checkup.key["KeyId"])),
    "this machine's clock is wrong": ("clock", _wrong_clock),
}


def test_an_archive_without_a_fault_has_every_check_and_none_that_failed(checkup: Checkup) -> None:
    code, checks = checkup.doctor()
    assert {id_: check["detail"] for id_, check in checks.items() if check["status"] != "ok"} == {}
    assert code == 0
    assert checks.keys() >= {id_ for id_, _ in FAULTS.values()} | {"first.archived", "deployed.version"}
    assert checkup.asked() <= 3


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_named_and_nothing_else(checkup: Checkup, fault: str) -> None:
    id_, plant = FAULTS[fault]
    plant(checkup)
    code, checks = checkup.doctor("pbx")
    assert {name for name, check in checks.items() if check["status"] != "ok"} == {id_}
    assert code == 1
    assert checks[id_]["detail"]
    assert "hidden" not in str(checks)


def test_a_paused_source_is_asked_only_anyway(checkup: Checkup) -> None:
    pause(checkup.aws.table, "pbx", Pause(by="jo", reason=None, since=Clock().now(), until=None))
    code, checks = checkup.doctor()
    assert (code, checks["provider.lists"]["status"]) == (1, "unknown")
    assert "--anyway" in checks["provider.lists"]["detail"]
    assert not checkup.asked()
    assert checkup.doctor("--anyway")[0] == 0


def test_after_a_first_deploy_the_steps_left_are_told_in_order(checkup: Checkup) -> None:
    from ops.__main__ import main

    for pk in list(checkup.aws.items()):
        if "#recording#" in pk:
            checkup.aws.table.update(pk, put={"day": None})
    checkup.put_secret(None)
    checkup.capsys.readouterr()
    main(["-a", "recordings", "--region", "eu-central-1", "doctor"])
    out = checkup.capsys.readouterr().out
    assert "step 1 of 2: put working credentials" in out
    assert "step 2 of 2: wait for the first recording: recordings status -a recordings\n" in out


def test_a_write_test_leaves_one_object_where_a_rule_removes_it(checkup: Checkup) -> None:
    assert checkup.doctor("--write-test")[0] == 0
    (key,) = (each["Key"] for each in s3().list_objects_v2(Bucket=BUCKET, Prefix="doctor/")["Contents"])
    assert key.startswith("doctor/")


@pytest.mark.parametrize("sid", ["WriteOnce", "NoDeletes"])
def test_a_policy_that_lacks_a_statement_does_not_enforce(sid: str) -> None:
    whole = statements("arn:aws:s3:::b", erasers=["arn:aws:iam::1:role/eraser"])
    assert not_enforced({"Statement": whole}, "b") == []
    assert len(not_enforced({"Statement": [each for each in whole if each["Sid"] != sid]}, "b")) == 6
    assert not_enforced({"Statement": whole}, "another")
    assert not_enforced({}, "b")


def _own(checkup: Checkup, **archive: Any) -> None:
    """The archive is in a bucket of the user's own."""
    settings = replace(checkup.settings.archive, bucket=BUCKET, **archive)
    own = replace(checkup.settings, archive=settings)
    checkup.monkeypatch.setattr(DeployedArchive, "settings", lambda archive, source: own)


def test_a_bucket_of_ones_own_without_tls_is_named_with_the_statements_to_add(checkup: Checkup) -> None:
    assert checkup.doctor()[0] == 0
    _own(checkup)
    code, checks = checkup.doctor()
    assert (code, checks["bucket.policy"]["status"]) == (1, "failed")
    assert "does not forbid reading and writing without TLS" in checks["bucket.policy"]["detail"]
    assert "OutputKey, 'BucketPolicy'" in checks["bucket.policy"]["next"]
    arn = f"arn:aws:s3:::{BUCKET}"
    whole = {"Version": "2012-10-17", "Statement": [*statements(arn, erasers=[]), only_tls(arn)]}
    s3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(whole))
    assert checkup.doctor()[0] == 0


def test_object_lock_that_is_wanted_and_not_there_or_there_and_no_longer_set_is_named(checkup: Checkup) -> None:
    _own(checkup, object_lock="governance")
    arn = f"arn:aws:s3:::{BUCKET}"
    whole = {"Version": "2012-10-17", "Statement": [*statements(arn, erasers=[]), only_tls(arn)]}
    s3().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(whole))
    code, checks = checkup.doctor()
    assert (code, checks["bucket.lock"]["status"]) == (1, "failed")
    assert checks["bucket.lock"]["next"].startswith(f"aws s3api put-object-lock-configuration --bucket {BUCKET}")
    s3().put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    assert checkup.doctor()[1]["bucket.lock"]["status"] == "ok"
    checkup.monkeypatch.setattr(DeployedArchive, "settings", lambda archive, source: checkup.settings)
    forgotten = checkup.doctor()[1]["bucket.lock"]
    assert (forgotten["status"], forgotten["detail"]) == ("warning", "object_lock is not set, and the bucket has it")


def test_a_local_archive_is_looked_at_without_asking_anybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with given_archive("folder", tmp_path) as archive:
        archive.look_after()
        Path(archive.where).chmod(0o755)
        assert archive.run("doctor", "--json") == 1
        checks = checked(capsys.readouterr().out)["checks"]
        assert {(each["id"], each["status"]) for each in checks} >= {("folder.private", "failed"), ("tick.fresh", "ok")}
        Path(archive.where).chmod(0o700)
        (Path(archive.where) / ".archive").chmod(0o700)
        assert archive.run("doctor", "acme") == 0


@pytest.mark.parametrize(("free", "status"), [(2_000_000_000, "ok"), (500_000_000, "warning"), (0, "failed")])
def test_a_disk_that_fills_up_is_named_with_the_command_that_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    with given_archive("folder", tmp_path) as archive:
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
        archive.run("doctor", "--json")
        (disk,) = (each for each in checked(capsys.readouterr().out)["checks"] if each["id"] == "disk.free")
        wanted = None if status == "ok" else f"df -h {archive.where}"
        assert (disk["status"], disk["next"]) == (status, wanted)


def test_a_local_archive_whose_last_run_was_refused_is_told_where_the_credentials_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with given_archive("folder", tmp_path) as archive:
        archive.look_after()
        pace = Pace(archive.table, source="acme", requests_per_minute=30, lanes=1, clock=Clock())
        pace.cool_down(Unauthorized("the API key is unknown"))
        assert archive.run("status") == 1
        assert "next: recordings doctor acme" in capsys.readouterr().out
        assert archive.run("doctor") == 1
        told = capsys.readouterr().out
        assert "acme: provider.lists: the last run was refused: the API key is unknown; next: put working" in told
        assert "step 1 of 2: put working credentials into the secret" in told
        assert "dialer: provider.lists" not in told


def test_a_local_archive_that_no_run_looks_after_is_told_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with given_archive("folder", tmp_path) as archive:
        assert archive.run("doctor", "acme") == 1
        assert f"tick.fresh: nothing has looked after it yet; next: recordings local --out {archive.where} …" in (
            capsys.readouterr().out
        )


def test_the_first_command_of_a_message_about_webhooks_runs_as_it_stands(checkup: Checkup) -> None:
    address = Address(archive=ARCHIVE, source="pbx", runbook="https://wiki.example.com")
    for kind in (QUIET, REFUSING):
        _, *words = first_command(kind, address).split()
        checkup.capsys.readouterr()
        assert main([*words, "--region", REGION]) == 0
        assert checkup.capsys.readouterr().out == "https://x.example.com/webhooks/pbx: on\n"
