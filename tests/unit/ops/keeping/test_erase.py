"""`erase` and `erasures`, over a folder and over S3 with Object Lock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.entry import State
from functions.archiver.object_keys import digest_of
from ops.archive.archive import Archive
from ops.local.engine.lock import FolderLock
from tests.doubles.aws import BUCKET, s3
from tests.harness.erasing import BASIS, ERASE, ON_AWS, Captured, answered, place, versions
from tests.harness.reading import NOON, Run, archived

LOCAL = pytest.mark.parametrize("archive", ["folder"], indirect=True)


def test_without_a_confirmation_the_plan_is_shown_and_nothing_goes(
    archive: Archive, run: Run, capsys: Captured
) -> None:
    archived(archive, "one")
    assert run(*ERASE, "one") == 4
    assert "one" in capsys.readouterr().out
    assert run(*ERASE, "one", "--dry-run") == 0
    assert run(*ERASE, "one", "--confirm", "2") == 4
    assert versions(archive, "one") == 2
    assert list(archive.bucket.keys("erasures/")) == []


def test_everything_of_it_goes_every_version_and_marker_and_nothing_of_others(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    archived(archive, "one.more")
    archive.bucket.put(place("one").metadata, b"{}\n")
    archive.bucket.put(place("one").transcript, b"{}\n")
    if archive.bucket.keeps_metadata:
        archive.bucket.delete(place("one").transcript, version_id=None)  # leaves a marker
    assert run(*ERASE, "one", "--confirm", "1") == 0
    assert versions(archive, "one") == 0
    assert archive.table.get("acme#recording#one") is None
    assert versions(archive, "one.more") == 2
    assert archive.table.get("acme#recording#one.more") is not None


def test_the_next_listing_does_not_bring_it_back(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    assert run(*ERASE, "one", "--confirm", "1") == 0
    ledger = archive.ledger("acme")
    assert ledger.known(["one", "two"]).keys() == {"one"}
    assert ledger.known(["one"])["one"].state is State.ERASED
    assert ledger.tombstones.count(NOON.date()) == 1


def test_a_search_after_an_erasure_finds_the_others_and_not_the_erased_one(
    archive: Archive, run: Run, capsys: Captured
) -> None:
    archived(archive, "one")
    archived(archive, "two")
    assert run("find", "--json") == 0
    capsys.readouterr()
    assert run(*ERASE, "one", "--confirm", "1") == 0
    capsys.readouterr()
    assert run("find", "--json") == 0
    assert [row["recording_id"] for row in answered(capsys)] == ["two"]


def test_the_record_says_when_who_and_why_and_names_nobody(archive: Archive, run: Run, capsys: Captured) -> None:
    archived(archive, "one")
    archived(archive, "two")
    assert run(*ERASE, "one", "two", "--confirm", "2") == 0
    texts = []
    for key in archive.bucket.keys("erasures/"):
        with archive.bucket.read(key) as pieces:
            texts.append(b"".join(pieces).decode())
    whole = "".join(texts)
    assert digest_of("acme", "one") in whole
    for secret in ('"one"', "call-one", "900123", "Anna"):
        assert secret not in whole
    capsys.readouterr()
    assert run("erasures", "--json") == 0
    (told,) = answered(capsys)
    assert (told["basis"], told["ticket"], told["count"], told["erased"], told["open"]) == (
        "gdpr-17",
        "ABC-12",
        2,
        2,
        0,
    )
    assert told["by"] == archive.person.name
    assert run("erasures") == 0
    assert "ABC-12" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("one",),
        ("one", "--basis", "gdpr-17"),
        ("one", "--ticket", "A"),
        BASIS,
        ("--deferred", *BASIS),
        ("one", "--basis", "because", "--ticket", "A"),
    ],
)
@LOCAL
def test_wrong_use_is_named_and_erases_nothing(archive: Archive, run: Run, words: tuple[str, ...]) -> None:
    archived(archive, "one")
    assert run("erase", *words, "--confirm", "1") == 2
    assert versions(archive, "one") == 2


def test_an_unknown_id_erases_nothing_of_the_others(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    assert run(*ERASE, "one", "nobody", "--confirm", "2") == 3
    assert versions(archive, "one") == 2


def test_what_is_held_stays_the_rest_goes_and_after_the_release_it_goes_too(
    archive: Archive, run: Run, capsys: Captured
) -> None:
    archived(archive, "one")
    archived(archive, "two")
    run("hold", "one", "--case", "A", "--reason", "r")
    capsys.readouterr()
    assert run(*ERASE, "one", "two", "--confirm", "2", "--json") == 4
    (told,) = answered(capsys)
    assert told["erased"] == 1
    assert [(each["recording_id"], each["why"]) for each in told["deferred"]] == [("one", "held by A")]
    assert (versions(archive, "one"), versions(archive, "two")) == (2, 0)
    assert run("erasures") == 1
    assert run("erase", "--deferred", "--confirm", "1") == 4  # still held
    run("release", "--case", "A", "--reason", "r", "--confirm", "1")
    assert run("erase", "--deferred", "--confirm", "1") == 0
    assert versions(archive, "one") == 0
    assert run("erasures") == 0
    assert run("erase", "--deferred", "--confirm", "0") == 0


def test_what_an_order_had_to_leave_stands_in_the_status_until_it_is_done(
    archive: Archive, run: Run, capsys: Captured
) -> None:
    def left() -> list[dict[str, Any]]:
        capsys.readouterr()
        run("status", "--json")
        found = {each["source"]: each["erasures"] for each in json.loads(capsys.readouterr().out)["sources"]}
        assert found["dialer"] == []
        return list(found["acme"])

    archived(archive, "one")
    assert left() == []
    run("hold", "one", "--case", "A", "--reason", "r")
    assert run(*ERASE, "one", "--confirm", "1") == 4
    (open_order,) = left()
    assert (open_order["ticket"], open_order["open"], open_order["until"]) == ("ABC-12", 1, None)
    run("status")
    assert "1 recording is still to be erased (ABC-12" in capsys.readouterr().out
    run("release", "--case", "A", "--reason", "r", "--confirm", "1")
    assert run("erase", "--deferred", "--confirm", "1") == 0
    assert left() == []


@LOCAL
def test_the_counts_of_a_folder_say_how_many_were_erased(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    archived(archive, "two")
    assert run(*ERASE, "one", "--confirm", "1") == 0
    numbers = archive.counts("acme").numbers
    assert (numbers["archived"], numbers["erased"]) == (1, 1)


def test_what_was_cut_short_is_completed_by_the_same_command(archive: Archive, run: Run) -> None:
    stored = archived(archive, "one")
    ledger = archive.ledger("acme")
    ledger.tombstones.bury("one", NOON.date(), "erased")
    archive.bucket.delete(stored.key, version_id=stored.version_id)
    assert run(*ERASE, "one", "--confirm", "1") == 0
    assert versions(archive, "one") == 0
    assert archive.table.get("acme#recording#one") is None


def test_an_erasure_that_ended_before_its_note_is_noted_by_the_next_one(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    run(*ERASE, "one", "--confirm", "1")
    (note,) = [version for version in archive.bucket.versions("erasures/") if "~" in version.key]
    archive.bucket.delete(note.key, version_id=note.version_id)
    assert run("erasures") == 1
    assert run("erase", "--deferred", "--dry-run") == 0
    assert run("erasures") == 1
    assert run("erase", "--deferred") == 0
    assert run("erasures") == 0


@pytest.mark.parametrize("released", ["A", "B"])
def test_of_several_orders_everything_that_is_erased_and_everything_that_stays_is_told(
    archive: Archive, run: Run, capsys: Captured, released: str
) -> None:
    for id_, case in (("one", "A"), ("two", "B")):
        archived(archive, id_)
        run("hold", id_, "--case", case, "--reason", "r")
        run(*ERASE, id_, "--confirm", "1")
    run("release", "--case", released, "--reason", "r", "--confirm", "1")
    capsys.readouterr()
    assert run("erase", "--deferred", "--confirm", "2", "--json") == 4
    (told,) = answered(capsys)
    assert (told["erased"], [each["recording_id"] for each in told["deferred"]]) == (
        1,
        ["two" if released == "A" else "one"],
    )


def test_its_follow_ups_go_as_well(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    ledger = archive.ledger("acme")
    entry = ledger.find("one")
    assert entry is not None
    ledger.insert_transcript(entry, due_in=timedelta(hours=1))
    assert run(*ERASE, "one", "--confirm", "1") == 0
    assert [item for item in archive.table.scan() if item.get("kind") == "transcript"] == []


def test_a_report_that_names_it_names_its_digest_and_keeps_the_rest(archive: Archive, run: Run) -> None:
    archived(archive, "one")
    key = "reports/source=acme/date=2026-11-28/reconciliation.json"
    report = {"days": [{"differences": [{"recording_id": "one", "call_id": "call-one"}, {"recording_id": "one-more"}]}]}
    archive.bucket.put(key, json.dumps(report | {"old": True}).encode())
    archive.bucket.put(key, json.dumps(report).encode())
    assert run(*ERASE, "one", "--confirm", "1") == 0
    with archive.bucket.read(key) as pieces:
        (day,) = json.loads(b"".join(pieces))["days"]
    first, other = day["differences"]
    assert first["recording_id"] == digest_of("acme", "one")
    assert first["call_id"] == digest_of("acme", "call-one")
    assert other == {"recording_id": "one-more"}
    if archive.bucket.keeps_metadata:
        assert len(list(archive.bucket.versions(key))) == 1


def test_a_call_s_id_stays_where_another_recording_of_it_stays(archive: Archive, run: Run) -> None:
    archived(archive, "one", call_id="the-call")
    archived(archive, "two", call_id="the-call")
    key = "reports/source=acme/date=2026-11-28/reconciliation.json"
    archive.bucket.put(key, b'{"call_id": "the-call"}')
    assert run(*ERASE, "one", "--confirm", "1") == 0
    with archive.bucket.read(key) as pieces:
        assert json.loads(b"".join(pieces)) == {"call_id": "the-call"}


# a folder


def everything_below(*roots: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


@LOCAL
def test_reasons_that_name_it_lose_its_id_and_the_log_of_accesses_stays_whole(
    archive: Archive, run: Run, tmp_path: Path, capsys: Captured
) -> None:
    for each in ("rec-one", "rec-two", "rec-three"):
        archived(archive, each)
    reasons = [("rec-one", "asked about rec-one"), ("rec-two", "compared with rec-one"), ("rec-three", "plain")]
    for number, (each, reason) in enumerate(reasons):
        assert run("get", each, "--out", str(tmp_path / f"{number}.wav"), "--reason", reason) == 0
    assert run(*ERASE, "rec-one", "--confirm", "1") == 0
    assert "rec-one" not in (tmp_path / "archive" / "accesses.jsonl").read_text()
    capsys.readouterr()
    assert run("accesses", "--json") == 0, "the chain is whole"
    told = [(row["what"], row["reason"]) for row in answered(capsys)]
    digest = digest_of("acme", "rec-one")
    assert told[:3] == [
        ("download", f"asked about {digest[:12]}"),
        ("download", f"compared with {digest}"),
        ("download", "plain"),
    ]


@LOCAL
def test_afterwards_nothing_of_it_stands_in_any_file_of_the_archive_or_of_the_cache(
    archive: Archive, run: Run, tmp_path: Path, cache: Path
) -> None:
    root = tmp_path / "archive"
    rec, call, number, agent = "rec-5f2e9", "call-77aa1", "+49 30 5550199", "Zacharias Quill"
    archived(archive, rec, call_id=call, from_number=number, agent=agent)
    archived(archive, "stays")
    assert run("find", "--agent", agent) == 0  # fills this machine's index
    assert run("get", rec, "--out", str(tmp_path / "out")) in (0, 2)
    (root / "log.jsonl").write_text(
        "".join(json.dumps({"recording_id": each, "key": f"audio/x/{each}.wav"}) + "\n" for each in ("stays", rec))
    )
    (root / "ledger.jsonl").write_text(
        "".join(json.dumps({"source": "acme", "recording_id": each}) + "\n" for each in (rec, "stays"))
    )
    (root / ".archive" / "verdict").write_text(f"acme: {rec!r} is failed: x\n")
    aside = root / "altered" / place(rec).audio("wav")
    aside.parent.mkdir(parents=True)
    aside.write_bytes(b"x")
    assert run(*ERASE, rec, "--confirm", "1") == 0
    files = everything_below(root, cache)
    assert any(path.suffix == ".sqlite" for path in files)
    for secret in (rec, call, number, number[-7:], "0199"[::-1] + "55503", agent):
        assert [str(path) for path, text in files.items() if secret.encode() in text or secret in path.name] == []
    assert [json.loads(line)["recording_id"] for line in (root / "log.jsonl").read_text().splitlines()] == [
        "stays",
        digest_of("acme", rec),
    ]
    assert [json.loads(line)["recording_id"] for line in (root / "ledger.jsonl").read_text().splitlines()] == ["stays"]
    assert not aside.exists()


@LOCAL
def test_beside_a_run_nothing_is_erased_and_the_run_is_named(
    archive: Archive, run: Run, tmp_path: Path, capsys: Captured
) -> None:
    archived(archive, "one")
    with FolderLock(tmp_path / "archive", "local"):
        assert run(*ERASE, "one", "--confirm", "1") == 4
        assert "recordings local" in capsys.readouterr().err
        assert run(*ERASE, "one", "--dry-run") == 0
    assert versions(archive, "one") == 2


# AWS


def lock(key: str, mode: Any, days: int) -> datetime:
    until = datetime.now(UTC) + timedelta(days=days)
    s3().put_object_retention(Bucket=BUCKET, Key=key, Retention={"Mode": mode, "RetainUntilDate": until})
    return until


@ON_AWS
def test_what_is_locked_is_deferred_until_the_lock_ends(archive: Archive, run: Run, capsys: Captured) -> None:
    until = lock(archived(archive, "one").key, "GOVERNANCE", 5)
    assert run(*ERASE, "one", "--confirm", "1", "--json") == 4
    (told,) = answered(capsys)
    (deferred,) = told["deferred"]
    assert deferred["why"] == "locked"
    assert abs(datetime.fromisoformat(deferred["until"]) - until) < timedelta(seconds=2)
    assert versions(archive, "one") == 2
    assert run("erasures", "--json") == 1
    (order,) = answered(capsys)
    assert order["until"] == deferred["until"]


@ON_AWS
def test_a_broken_glass_opens_a_governance_lock_and_never_one_of_compliance(archive: Archive, run: Run) -> None:
    lock(archived(archive, "one").key, "GOVERNANCE", 5)
    lock(archived(archive, "two").key, "COMPLIANCE", 5)
    assert run(*ERASE, "one", "two", "--break-glass", "--confirm", "2") == 4
    assert (versions(archive, "one"), versions(archive, "two")) == (0, 2)
