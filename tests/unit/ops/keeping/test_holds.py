"""`hold`, `release` and `holds`, over a folder and over S3 with Object Lock."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.bucket.bucket import Bucket, Locked
from functions.archiver.bucket.everything import versions_of
from functions.archiver.clock import Clock
from functions.archiver.ledger.holds import cases_of
from functions.archiver.ledger.tombstones import Tombstones
from functions.archiver.object_keys import Place, digest_of
from ops.archive.archive import Archive
from tests.doubles.aws import BUCKET, aws, s3
from tests.harness.deployed import ARCHIVE, a_source, deploy
from tests.harness.reading import NOON, Run, archived, found
from tests.harness.schemas import checked

Captured = pytest.CaptureFixture[str]
ON_AWS = pytest.mark.parametrize("archive", ["deployed"], indirect=True)
LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)
WHY = ("--reason", "court order")


def answered(capsys: Captured) -> list[dict[str, Any]]:
    return [checked(line) for line in capsys.readouterr().out.splitlines()]


def cases(archive: Archive, recording_id: str, source: str = "acme") -> tuple[str, ...]:
    item = archive.table.get(f"{source}#recording#{recording_id}")
    assert item is not None
    return cases_of(item)


def place(recording_id: str) -> Place:
    return Place(source="acme", day=NOON.date(), recording_id=recording_id)


def legal_holds(bucket: Bucket, recording_id: str) -> dict[str, bool]:
    """Whether each version of its objects is held."""
    found: dict[str, bool] = {}
    for version in versions_of(bucket, place(recording_id)):
        head = bucket.head(version.key, version_id=version.version_id)
        assert head is not None
        found[f"{version.key} {version.version_id}"] = head.held
    return found


def record(archive: Archive, key: str) -> Mapping[str, Any]:
    with archive.bucket.read(key) as pieces:
        document: dict[str, Any] = json.loads(b"".join(pieces))
    return document


def test_what_is_selected_is_held_and_nothing_else(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    archived(archive, "two")
    archived(archive, "other", from_number="+44 20 7946 0999", to_number=None)
    assert run("hold", "--case", "A", *WHY, "--number", "07700900123", "--json") == 0
    (told,) = answered(capsys)
    assert (told["case"], told["recordings"]) == ("A", 2)
    assert [cases(archive, id_) for id_ in ("one", "two", "other")] == [("A",), ("A",), ()]


def test_the_record_says_who_when_and_why_and_names_nobody(archive: Archive, run: Run) -> None:
    archived(archive, "one", from_number="+44 7700 900123")
    assert run("hold", "--case", "A/1", *WHY, "--number", "07700900123", "--from", "2026-01-01") == 0
    written = record(archive, "holds/A%2F1.json")
    assert (written["case"], written["what"], written["reason"], written["count"]) == ("A/1", "hold", "court order", 1)
    assert written["who"] == archive.person.name
    assert datetime.fromisoformat(written["at"]) <= datetime.now(UTC)
    assert written["recordings"] == [digest_of("acme", "one")]
    assert written["query"]["number"] == "given"
    assert written["query"]["since"].startswith("2026-01-01")
    assert "900123" not in json.dumps(written)
    assert "one" not in json.dumps(written["query"])


def test_all_recordings_of_a_call_are_held_by_the_call_s_id(archive: Archive, run: Run) -> None:
    archived(archive, "one", call_id="the-call")
    archived(archive, "two", call_id="the-call")
    archived(archive, "three", call_id="another")
    assert run("hold", "the-call", "--case", "A", *WHY) == 0
    assert [cases(archive, id_) for id_ in ("one", "two", "three")] == [("A",), ("A",), ()]


def test_an_unknown_id_holds_nothing_of_the_others(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    assert run("hold", "one", "nobody", "--case", "A", *WHY) == 3
    assert "nobody" in capsys.readouterr().err
    assert cases(archive, "one") == ()
    assert list(archive.bucket.keys("holds/")) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--case", "A", *WHY),
        ("one", "--case", " ", *WHY),
        ("one", "--case", "a\nb", *WHY),
        ("one", "--case", "x" * 101, *WHY),
        ("one", "--agent", "Anna", "--case", "A", *WHY),
        ("--number", "12", "--case", "A", *WHY),
    ],
)
@LOCAL
def test_wrong_use_is_named_and_holds_nothing(archive: Archive, run: Run, words: tuple[str, ...]) -> None:
    archived(archive, "one")
    assert run("hold", *words) == 2
    assert cases(archive, "one") == ()


def test_nothing_that_matches_is_told(archive: Archive, run: Run) -> None:
    assert run("hold", "--agent", "nobody", "--case", "A", *WHY) == 1
    assert list(archive.bucket.keys("holds/")) == []


def test_held_again_nothing_changes_and_more_of_a_case_is_one_more_record(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    archived(archive, "two")
    for _ in range(2):
        assert run("hold", "one", "--case", "A", *WHY) == 0
    assert list(archive.bucket.keys("holds/")) == ["holds/A.json"]
    assert run("hold", "two", "--case", "A", *WHY) == 0
    assert list(archive.bucket.keys("holds/")) == ["holds/A.json", "holds/A~2.json"]


# release


def test_a_release_needs_the_count_of_now(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    run("hold", "one", "--case", "A", *WHY)
    assert run("release", "--case", "A", *WHY) == 4
    assert run("release", "--case", "A", *WHY, "--confirm", "2") == 4
    assert run("release", "--case", "A", *WHY, "--dry-run") == 0
    assert "one" in capsys.readouterr().out
    assert cases(archive, "one") == ("A",)
    assert run("release", "--case", "A", *WHY, "--confirm", "1") == 0
    assert cases(archive, "one") == ()


def test_an_unknown_case_is_not_released(archive: Archive, run: Run) -> None:
    assert run("release", "--case", "A", *WHY, "--confirm", "0") == 3


def test_another_case_holds_on(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    for case in ("A", "B"):
        run("hold", "one", "--case", case, *WHY)
    assert run("release", "--case", "A", *WHY, "--confirm", "1") == 0
    assert cases(archive, "one") == ("B",)
    if archive.bucket.locks:
        assert set(legal_holds(archive.bucket, "one").values()) == {True}


def test_cases_are_listed_released_ones_too(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    archived(archive, "two")
    run("hold", "one", "two", "--case", "A", *WHY)
    run("hold", "two", "--case", "=B", *WHY)
    run("release", "--case", "A", "--reason", "settled", "--confirm", "2")
    capsys.readouterr()
    assert run("holds", "--json") == 0
    told = {row["case"]: row for row in answered(capsys)}
    assert [(name, row["state"], row["count"]) for name, row in sorted(told.items())] == [
        ("=B", "held", 1),
        ("A", "released", 0),
    ]
    assert told["A"]["released_by"] == archive.person.name
    assert (told["A"]["reason"], told["A"]["release_reason"]) == (WHY[1], "settled")
    assert told["=B"]["released_at"] is None
    assert run("holds", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["case"] for row in rows] == ["'=B", "A"]
    assert run("holds") == 0
    assert "1 of 2 cases on hold" in capsys.readouterr().out
    assert run("holds", "--case", "nothing") == 3


def test_a_case_is_held_again_after_its_release(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    run("hold", "one", "--case", "A", *WHY)
    run("release", "--case", "A", *WHY, "--confirm", "1")
    assert run("hold", "one", "--case", "A", "--reason", "appeal") == 0
    capsys.readouterr()
    run("holds", "--json")
    ((told),) = answered(capsys)
    assert (told["state"], told["reason"], told["count"]) == ("held", "appeal", 1)


@LOCAL
def test_a_damaged_record_is_said_to_be_one(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    run("hold", "one", "--case", "A", *WHY)
    archive.bucket.put("holds/A.json", b"{}")
    assert run("holds") == 6
    assert "holds/A.json" in capsys.readouterr().err


# on S3 itself


@ON_AWS
def test_every_version_of_every_object_is_held_and_s3_keeps_it(archive: Archive, run: Run) -> None:
    stored = archived(archive, "one")
    archive.bucket.put(place("one").metadata, b"{}\n")
    archive.bucket.put(place("one").transcript, b"{}\n")
    assert run("hold", "one", "--case", "A", *WHY) == 0
    held = legal_holds(archive.bucket, "one")
    assert len(held) == 4
    assert set(held.values()) == {True}
    with pytest.raises(Locked):
        archive.bucket.delete(stored.key, version_id=stored.version_id)
    assert run("release", "--case", "A", *WHY, "--confirm", "1") == 0
    assert set(legal_holds(archive.bucket, "one").values()) == {False}


@ON_AWS
def test_an_id_that_begins_another_holds_only_its_own_objects(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    archived(archive, "one.wav")
    archived(archive, "one-more")
    run("hold", "one", "--case", "A", *WHY)
    assert {key.rpartition("/")[2].split()[0] for key in legal_holds(archive.bucket, "one")} == {"one.wav", "one.json"}
    assert set(legal_holds(archive.bucket, "one.wav").values()) == {False}
    assert set(legal_holds(archive.bucket, "one-more").values()) == {False}


@ON_AWS
def test_a_hold_that_was_cut_short_is_completed_by_the_same_command(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    run("hold", "one", "--case", "A", *WHY)
    for key in legal_holds(archive.bucket, "one"):
        name, version = key.split()
        archive.bucket.set_hold(name, version_id=version, held=False)
    assert run("hold", "one", "--case", "A", *WHY) == 0
    assert set(legal_holds(archive.bucket, "one").values()) == {True}


@ON_AWS
def test_what_has_no_bytes_yet_is_marked_and_said(archive: Archive, run: Run, capsys: Captured) -> None:
    found(archive, "waiting")
    assert run("hold", "waiting", "--case", "A", *WHY, "--json") == 0
    (told,) = answered(capsys)
    assert (told["recordings"], told["versions"], told["nothing_kept"]) == (1, 0, 1)
    assert cases(archive, "waiting") == ("A",)


def test_a_bucket_without_object_lock_holds_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    from ops.shell.program import main

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with aws() as started:
        deploy(started, a_source("acme"))
        assert main(["hold", "one", "--case", "A", *WHY, "-a", ARCHIVE, "--region", "eu-central-1"]) == 4
        assert "Contents" not in s3().list_objects_v2(Bucket=BUCKET)
    assert "object_lock" in capsys.readouterr().err


def test_what_is_half_erased_is_not_held_any_more_and_the_rest_is(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    archived(archive, "two")
    Tombstones(archive.table, source="acme", clock=Clock()).bury("one", NOON.date(), "erased")
    Tombstones(archive.table, source="acme", clock=Clock()).bury("two", NOON.date(), "expired")
    assert run("hold", "--case", "Meyer", *WHY, "one") == 4
    assert "erasure of 1 recording has begun" in capsys.readouterr().err
    assert run("hold", "--case", "Meyer", *WHY, "one", "two") == 0
    assert (cases(archive, "one"), cases(archive, "two")) == ((), ("Meyer",))


def test_holding_releasing_and_erasing_stand_among_the_accesses(
    archive: Archive, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in ("one", "two"):
        archived(archive, each)
    assert run("hold", "one", "two", "--case", "A", "--reason", "order 7") == 0
    assert run("release", "--case", "A", "--reason", "settled", "--confirm", "2") == 0
    assert run("erase", "one", "--basis", "mistake", "--ticket", "T-1", "--dry-run") == 0
    capsys.readouterr()
    assert run("accesses", "--json") == 0
    rows = [checked(line) for line in capsys.readouterr().out.splitlines()]
    digests = {digest_of("acme", each) for each in ("one", "two")}
    for what in ("hold", "release"):
        told = [row for row in rows if row["what"] == what]
        assert ({row["recording"] for row in told}, {row["reason"] for row in told}) == (digests, {"case A"})
    assert "erase" not in {row["what"] for row in rows}, "a dry run touches nothing"


@LOCAL
def test_an_erasure_is_recorded_first_and_then_by_digest_alone(
    archive: Archive, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(archive, "one")
    assert run("erase", "one", "--basis", "mistake", "--ticket", "T-1", "--confirm", "1") == 0
    capsys.readouterr()
    assert run("accesses", "--json") == 0
    (row,) = map(checked, capsys.readouterr().out.splitlines())
    assert (row["what"], row["recording_id"], row["reason"]) == ("erase", None, "mistake T-1")
    assert row["recording"] == digest_of("acme", "one")


@LOCAL
def test_what_cannot_be_recorded_is_not_done(archive: Archive, run: Run, tmp_path: Path, capsys: Captured) -> None:
    archived(archive, "one")
    (tmp_path / "archive" / "accesses.jsonl").mkdir()
    assert run("hold", "one", "--case", "A", "--reason", "order 7") == 5
    assert run("erase", "one", "--basis", "mistake", "--ticket", "T-1", "--confirm", "1") == 5
    assert "nothing was done, because it could not be recorded" in capsys.readouterr().err
    assert run("find", "one", "--json") == 0
    assert checked(capsys.readouterr().out.splitlines()[-1])["held"] is False
