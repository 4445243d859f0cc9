"""What stops every deletion at a source until a person or a clean round settles it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from functions.archiver.errors import Rejected
from functions.archiver.ledger.integrity import Integrity
from functions.archiver.recording import Recording
from tests.doubles.vault import Vault
from tests.harness.sealing import SOURCE
from tests.harness.sweeping import AFTER, SweepBench

DAY = date(2026, 3, 4)
ONE_DAY = timedelta(days=1)


def flip(bench: SweepBench) -> None:
    key = f"audio/source={SOURCE}/date={DAY}/b.wav"
    assert isinstance(bench.bucket, Vault)
    bench.bucket.counted[key] = b"x" * 32


def shorten(bench: SweepBench) -> None:
    assert isinstance(bench.bucket, Vault)
    (bench.bucket.root / f"audio/source={SOURCE}/date={DAY}/b.wav").write_bytes(b"less")


def remove(bench: SweepBench) -> None:
    bench.bucket.delete(f"audio/source={SOURCE}/date={DAY}/b.wav", version_id=None)


def half_erase(bench: SweepBench) -> None:
    """An erasure died after it had deleted the object, and before the item."""
    bench.ledger.tombstones.bury("b", DAY, "erased")
    remove(bench)


def mark_altered(bench: SweepBench) -> None:
    Integrity(bench.table, source=SOURCE, clock=bench.clock).mark_altered("b", "other bytes")


def forge_the_ledger(bench: SweepBench) -> None:
    bench.table.update(f"{SOURCE}#recording#b", put={"sha256": "0" * 64})


def age_the_ledger(bench: SweepBench) -> None:
    bench.table.update(f"{SOURCE}#recording#b", put={"archived_at": "2026-01-01T00:00:00+00:00"})


def forge_the_seal(bench: SweepBench) -> None:
    (seal,) = bench.seals(DAY)
    assert isinstance(bench.bucket, Vault)
    path = bench.bucket.root / seal.key
    path.write_bytes(path.read_bytes().replace(b'"missing":0', b'"missing":1'))


def forge_the_head(bench: SweepBench) -> None:
    bench.table.update(f"{SOURCE}#reconciler", put={"seal_head": "0" * 64})


def cut_the_chain(bench: SweepBench) -> None:
    bench.table.update(f"{SOURCE}#reconciler", put={"seal_sequence": 3, "seal_head": "0" * 64})


def say_the_chain_is_broken(bench: SweepBench) -> None:
    bench.fake.advance(ONE_DAY)
    bench.notes.broken_chain()
    bench.fake.advance(-ONE_DAY + timedelta(hours=1))


def list_another_size(bench: SweepBench) -> None:
    bench.provider.rows = [replace(row, size_bytes=3) if row.id == "b" else row for row in bench.provider.rows]


def list_many_more(bench: SweepBench) -> None:
    at = datetime.fromisoformat(f"{DAY}T09:00:00+00:00")
    bench.provider.rows += [Recording(id=f"new-{number}", recorded_at=at) for number in range(20)]


STOPS: dict[str, tuple[Callable[[SweepBench], None], str]] = {
    "another digest in the bucket": (flip, "another SHA-256"),
    "another size in the bucket": (shorten, "other size"),
    "nothing in the bucket": (remove, "missing"),
    "an erasure that ended half way": (half_erase, "`recordings erase --deferred`"),
    "a recording that is altered": (mark_altered, "altered or absent"),
    "another digest in the ledger": (forge_the_ledger, "says something else"),
    "an older date in the ledger": (age_the_ledger, "says something else"),
    "a seal that was changed": (forge_the_seal, "not the one that the ledger notes"),
    "another head in the ledger": (forge_the_head, "not the one that the ledger notes"),
    "a chain that was cut": (cut_the_chain, "the chain of seals has 3 by the ledger, and the bucket has 1"),
    "a chain that the reconciler calls broken": (say_the_chain_is_broken, "chain of seals is broken"),
    "another size at the source": (list_another_size, "another size than was archived"),
    "many more recordings at the source": (list_many_more, "and its seal knows 2"),
}


@pytest.mark.parametrize("what", STOPS)
def test_nothing_goes_any_more_and_people_are_told(ready: SweepBench, what: str) -> None:
    change, why = STOPS[what]
    change(ready)
    done = ready.round()
    assert ready.provider.deletions == []
    assert done.stopped
    assert why in done.stopped
    assert ready.notes.read().deletion_stopped == done.stopped


def test_a_stop_is_over_once_a_round_finds_all_in_order(ready: SweepBench) -> None:
    list_another_size(ready)
    assert ready.round().stopped
    ready.provider.rows = [replace(row, size_bytes=len(b"sound of b")) for row in ready.provider.rows]
    assert (ready.round().deleted, ready.notes.read().deletion_stopped) == (2, None)


def test_the_day_over_which_it_stopped_is_looked_at_first(bench: SweepBench) -> None:
    bench.ripe(DAY + ONE_DAY, "z")
    bench.ripe(DAY, "a", "b")
    bench.at(DAY + AFTER + 2 * ONE_DAY)
    bench.rehearsed()
    bench.provider.answers["z"] = Rejected("403")
    assert bench.round().stopped
    asked = len(bench.provider.deletions)
    bench.archived(DAY, "c")
    bench.sealed(DAY)
    bench.at(DAY + 2 * AFTER + 3 * ONE_DAY)
    assert bench.round().stopped
    assert bench.provider.deletions[asked:] == ["z"]


def test_a_size_that_was_known_to_be_wrong_at_archiving_stops_nothing(ready: SweepBench) -> None:
    list_another_size(ready)
    wrong = [{"what": "listed size", "claimed": "3 bytes", "found": "10 bytes"}]
    ready.table.update(f"{SOURCE}#recording#b", put={"contradictions": wrong})
    assert ready.round().deleted == 2


def test_a_size_of_another_format_says_nothing(ready: SweepBench) -> None:
    ready.provider.rows = [replace(row, size_bytes=3, content_type="audio/mpeg") for row in ready.provider.rows]
    assert ready.round().deleted == 2
