"""What `make diff` and `make deploy` stop at, in the words of the pinned CDK CLI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.lasting import LASTING, Unreadable, losses, needed

END = "\n✨  Number of stacks with differences: 1\n"


def lost(*changes: str, stack: str = "recordings") -> list[str]:
    lines = [
        f"Stack {stack} (aws://111122223333/eu-central-1)\n",
        "Resources\n",
        *(f"{change}\n" for change in changes),
        END,
    ]
    return list(losses(lines))


def test_a_bucket_under_a_new_logical_id_is_lost() -> None:
    assert lost(
        "[-] AWS::S3::Bucket Archive/Store/Bucket ArchiveBucket orphan",
        "[+] AWS::S3::Bucket Archive/Storage/Bucket ArchiveStorageBucket",
    ) == ["recordings: the bucket Archive/Store/Bucket ArchiveBucket would no longer belong to the stack"]


@pytest.mark.parametrize("type_", LASTING)
@pytest.mark.parametrize("impact", ["replace", "may be replaced", "destroy", "orphan"])
def test_nothing_that_must_last_is_replaced_or_taken_away(type_: str, impact: str) -> None:
    mark = "~" if "replace" in impact else "-"
    (sentence,) = lost(f"[{mark}] {type_} A/Path LogicalId {impact}")
    assert sentence.startswith(f"recordings: the {LASTING[type_]} A/Path LogicalId ")


def test_what_is_only_changed_or_added_goes_on() -> None:
    assert (
        lost(
            "[~] AWS::DynamoDB::Table Archive/Ledger/Table ArchiveTable",
            " └─ [~] GlobalSecondaryIndexes",
            "[+] AWS::SQS::Queue Source/Lanes/Queue SourceLanesQueue",
            "[~] AWS::Lambda::Function Source/Listing/Lister/Function F replace",
            "[-] AWS::CloudWatch::Alarm Source/Old OldAlarm destroy",
        )
        == []
    )


BUCKET = "[~] AWS::S3::Bucket Archive/Store/Bucket ArchiveBucket"
PARAMETER = "[~] AWS::SSM::Parameter Archive/Parameter P"


def says(mark: str, mode: str) -> str:
    return rf'           [{mark}]     "\",\"layout\":1,\"object_lock\":{mode},\"table\":\""'


@pytest.mark.parametrize(
    "changes",
    [
        (BUCKET, " └─ [-] ObjectLockConfiguration", '     └─ {"ObjectLockEnabled":"Enabled"}'),
        (PARAMETER, says("-", r"\"governance\""), says("+", "null")),
        (BUCKET, " ├─ [-] ObjectLockConfiguration", PARAMETER, says("-", r"\"compliance\""), says("+", "null")),
    ],
    ids=["a bucket of the stack", "a bucket of one's own", "both"],
)
def test_object_lock_is_never_switched_off_again(changes: tuple[str, ...]) -> None:
    (sentence,) = lost(*changes)
    assert sentence.startswith("recordings: object_lock would be switched off")
    assert sentence.endswith("set archive.object_lock as it was")


@pytest.mark.parametrize(
    "changes",
    [
        (PARAMETER, says("-", r"\"governance\""), says("+", r"\"compliance\"")),
        (PARAMETER, says("-", "null"), says("+", r"\"governance\"")),
        (BUCKET, " └─ [+] ObjectLockConfiguration"),
    ],
)
def test_object_lock_is_switched_on_and_changes_its_mode(changes: tuple[str, ...]) -> None:
    assert lost(*changes) == []


def test_a_stack_never_becomes_another_archives_or_sources() -> None:
    # "recordings" with "emea-acme" and "recordings-emea" with "acme" would share one.
    (sentence,) = lost(
        "[~] AWS::CloudWatch::Alarm Source/Stopped SourceStoppedABD023BE replace",
        "[~] AWS::SSM::Parameter Source/Parameter SourceParameter33F14FE7 replace",
        " └─ [~] Name (requires replacement)",
        stack="recordings-emea-acme",
    )
    assert sentence.startswith("recordings-emea-acme: the parameter that names archive and source Source/Parameter ")


def test_seals_do_not_lose_the_key_that_signs_them() -> None:
    assert lost(
        "[-] AWS::KMS::Key ArchiveSealsKey2ED4F40D orphan", "[-] AWS::KMS::Alias ArchiveSealsAlias destroy"
    ) == ["recordings: the signing key ArchiveSealsKey2ED4F40D would no longer belong to the stack"]


def test_colours_hide_nothing() -> None:
    mark, type_ = "[\x1b[33m~\x1b[39m]", "\x1b[36mAWS::SQS::Queue\x1b[39m"
    red = f"{mark} {type_} Lanes/Queue \x1b[90mQ\x1b[39m \x1b[1m\x1b[31mreplace\x1b[39m\x1b[22m"
    assert lost(red, stack="\x1b[1mrecordings-acme\x1b[22m") == [
        "recordings-acme: the queue Lanes/Queue Q would be replaced by a new one"
    ]


def test_a_comparison_that_does_not_come_to_its_end_is_none() -> None:
    with pytest.raises(Unreadable):
        list(losses(["Stack recordings\n", "There were no differences\n"]))


def test_a_comparison_gets_the_flags_that_name_the_account() -> None:
    flags = ["--profile", "work", "--progress", "events", "--role-arn=arn:aws:iam::1:role/x", "--method", "direct"]
    assert needed(flags) == ["--profile", "work", "--role-arn=arn:aws:iam::1:role/x"]


def run(folder: Path, says: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """With a CDK that says this, and below it the words that it was given."""
    cdk = folder / "cdk"
    cdk.write_text(
        f"#!/bin/sh\ncat <<'END'\n{says}\nEND\necho \"$@\" > '{folder}/words'\nexit {code}\n", encoding="utf-8"
    )
    cdk.chmod(0o755)
    asked = [sys.executable, "-m", "infra.lasting", *words[:1], str(cdk), *words[1:]]
    return subprocess.run([word for word in asked if word], capture_output=True, text=True, check=False, timeout=60)


LOSS = f"Stack recordings\nResources\n[~] AWS::DynamoDB::Table Ledger/Table ArchiveTable replace\n{END}"


def test_a_loss_stops_the_deploy_and_says_how_to_go_on(tmp_path: Path) -> None:
    done = run(tmp_path, LOSS, "--quietly", "--profile", "work", "--progress", "events")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "recordings: the table Ledger/Table ArchiveTable would be replaced by a new one\n"
        "Nothing was deployed. If that is what you want: make deploy REPLACE=yes\n"
    )
    asked = (tmp_path / "words").read_text(encoding="utf-8")
    assert asked == "diff --app cdk.out --method template --profile work\n"


def test_a_diff_shows_all_and_ends_with_one_at_a_loss(tmp_path: Path) -> None:
    done = run(tmp_path, LOSS, "", "--context-lines", "1")
    assert (done.returncode, done.stdout) == (1, f"{LOSS}\n")
    assert (tmp_path / "words").read_text(encoding="utf-8") == "diff --app cdk.out --context-lines 1\n"


def test_an_upgrade_without_loss_goes_on_in_silence(tmp_path: Path) -> None:
    done = run(tmp_path, f"Stack recordings\nThere were no differences\n{END}", "--quietly")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_cdk_that_fails_is_shown_and_stops_the_deploy(tmp_path: Path) -> None:
    done = run(tmp_path, "Need to perform AWS calls, but no credentials have been configured", "--quietly", code=1)
    assert done.returncode == 1
    assert "no credentials" in done.stdout


def test_words_that_cannot_be_read_stop_the_deploy(tmp_path: Path) -> None:
    done = run(tmp_path, "All is well", "--quietly")
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
