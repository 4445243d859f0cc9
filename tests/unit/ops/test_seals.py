"""Whatever is done to a chain of seals is found, with what was kept elsewhere where nothing else shows it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.sealing.document import Seal, seal_bytes, seal_key
from functions.archiver.sealing.signing import public_key_name
from functions.archiver.sealing.statement import Listed
from ops.__main__ import main
from ops.archive.identity import keep_identity
from ops.local.engine.folder import FolderBucket
from ops.local.engine.sqlite_table import SqliteTable
from ops.seals.openssl import FileSigner
from tests.doubles.clock import FakeClock
from tests.harness.schemas import checked
from tests.harness.sealing import SOURCE, SealBench
from tests.unit.ops.test_folder_archive import a_deployment

DAYS = [date(2026, 2, 20) + timedelta(days=number) for number in range(4)]


class Sealed(SealBench):
    """An archive in a folder with four sealed days, each with as many recordings as its number."""

    def __init__(self, table: SqliteTable, root: Path) -> None:
        super().__init__(table, FolderBucket(root), FakeClock())
        self.root = root

    def fill(self) -> None:
        for number, day in enumerate(DAYS):
            for each in range(number):
                self.keep(f"{number}-{each}", day)
        self.seal({day: Listed(number=number, clean=True) for number, day in enumerate(DAYS)})

    def path(self, number: int) -> Path:
        return self.root / self.seals()[number].key

    def remake(self, change: Callable[[int, Seal], Seal | None]) -> None:
        """Writes the chain anew as somebody would who can write everything in the bucket: it is consistent."""
        previous, sequence = None, 0
        for number, seal in enumerate(self.seals()):
            (self.root / seal.key).unlink()
            changed = change(number, seal)
            if changed is None:
                continue
            sequence += 1
            standing = replace(changed.standing, sequence=sequence, previous=previous)
            body = seal_bytes(changed.statement, standing)
            key = seal_key(SOURCE, changed.statement.day, standing.number)
            self.bucket.put(key, body)
            previous = hashlib.sha256(body).hexdigest()

    def forget_head(self) -> None:
        """A ledger made anew knows of no head."""
        self.table.update(f"{SOURCE}#reconciler", put=dict.fromkeys(("seal_head", "seal_sequence", "seal_key")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    root.mkdir()
    keep_identity(root, a_deployment(SOURCE))
    (root / ".archive" / "format").write_text("1\n")
    return root


@pytest.fixture
def bench(root: Path) -> Iterator[Sealed]:
    with SqliteTable(root / ".archive" / "ledger.sqlite") as table:
        yield Sealed(table, root)


@pytest.fixture
def sealed(bench: Sealed) -> Sealed:
    bench.fill()
    return bench


def a_key(path: Path) -> Path:
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)], check=True, timeout=30
    )
    return path


def verify(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, what people see, and the document."""
    code = main(["seal", "verify", "-a", str(root), "--json", *words])
    said = capsys.readouterr()
    return code, said.err, checked(said.out)


def test_without_seals_no_day_is_due(bench: Sealed, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, document = verify(root, capsys)
    assert (code, said.strip()) == (0, "no day is due")
    assert document["sources"][0]["head"] is None


def test_a_sound_chain_is_consistent_and_says_what_was_not_compared(
    sealed: Sealed, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, document = verify(root, capsys)
    assert code == 0
    assert said.endswith("chain is consistent; its head was not compared with one kept elsewhere\n")
    assert document["sources"][0]["head"]["sha256"] == sealed.seals()[-1].sha256
    assert (document["consistent"], document["compared"]) == (True, False)


def test_a_head_kept_elsewhere_is_compared_also_when_seals_have_followed(
    sealed: Sealed, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seal in sealed.seals():
        code, said, _ = verify(root, capsys, "--head", seal.sha256)
        assert (code, said.splitlines()[-1]) == (0, "chain is consistent")


def flip(sealed: Sealed) -> None:
    path = sealed.path(2)
    path.write_bytes(path.read_bytes().replace(b'"bytes":5', b'"bytes":6', 1))


def cut_end(sealed: Sealed) -> None:
    sealed.path(3).unlink()


def cut_all(sealed: Sealed) -> None:
    for seal in sealed.seals():
        (sealed.root / seal.key).unlink()


def cut_middle(sealed: Sealed) -> None:
    sealed.path(1).unlink()


def cut_beginning(sealed: Sealed) -> None:
    sealed.path(0).unlink()


def swap(sealed: Sealed) -> None:
    first, second = sealed.path(1), sealed.path(2)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def re_date(sealed: Sealed) -> None:
    path = sealed.path(2)
    path.write_bytes(path.read_bytes().replace(str(DAYS[2]).encode(), b"2026-02-19"))


def shorten(sealed: Sealed) -> None:
    path = sealed.path(3)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def empty(sealed: Sealed) -> None:
    sealed.path(2).write_bytes(b"")


def double_line(sealed: Sealed) -> None:
    """The very last seal, which no other one vouches for."""
    path = sealed.path(3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))
    sealed.forget_head()


def end_lines_otherwise(sealed: Sealed) -> None:
    path = sealed.path(3)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    sealed.forget_head()


def double_sequence(sealed: Sealed) -> None:
    seal = sealed.seals()[1]
    other = replace(seal.standing, number=2)
    sealed.bucket.put(seal_key(SOURCE, DAYS[1], 2), seal_bytes(seal.statement, other))


def jump_number(sealed: Sealed) -> None:
    sealed.remake(
        lambda number, seal: replace(seal, standing=replace(seal.standing, number=2)) if number == 1 else seal
    )
    sealed.forget_head()


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (flip, "0001.jsonl follows another seal"),
        (cut_end, "the ledger notes 4 seals"),
        (cut_all, "the ledger notes 4 seals"),
        (cut_middle, "seal 2 of the chain is missing"),
        (cut_beginning, "seal 1 of the chain is missing"),
        (swap, "is the seal that belongs at"),
        (re_date, "is the seal that belongs at"),
        (shorten, "is not the seal whose digest the ledger notes"),
        (empty, "is not a seal"),
        (double_line, "0001.jsonl is not a seal: it names a recording twice"),
        (end_lines_otherwise, "0001.jsonl is not a seal: it is not written as a seal is"),
        (double_sequence, "2 seals have the sequence 2"),
        (jump_number, "number 1 of 2026-02-21 is missing"),
    ],
)
def test_what_is_done_to_a_chain_is_found(
    sealed: Sealed, root: Path, capsys: pytest.CaptureFixture[str], tamper: Callable[[Sealed], None], told: str
) -> None:
    tamper(sealed)
    code, said, document = verify(root, capsys)
    assert (code, document["consistent"]) == (6, False)
    assert told in said


def drop_third(number: int, seal: Seal) -> Seal | None:
    return None if number == 2 else seal


def say_complete(number: int, seal: Seal) -> Seal:
    return replace(seal, statement=replace(seal.statement, listed=99)) if number == 2 else seal


@pytest.mark.parametrize("change", [drop_third, say_complete])
def test_a_chain_made_anew_is_found_with_a_head_kept_elsewhere_alone(
    sealed: Sealed, root: Path, capsys: pytest.CaptureFixture[str], change: Callable[[int, Seal], Seal | None]
) -> None:
    head = sealed.seals()[-1].sha256
    sealed.remake(change)
    assert verify(root, capsys)[0] == 6  # the ledger knows the head
    sealed.forget_head()
    assert verify(root, capsys)[0] == 0
    code, said, _ = verify(root, capsys, "--head", head)
    assert (code, "the chain was cut, or made anew" in said) == (6, True)


def test_a_file_that_is_no_part_of_the_chain_is_named(
    sealed: Sealed, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed.bucket.put(f"seals/source={SOURCE}/date={DAYS[0]}/0009.jsonl.sig", b"x")
    sealed.bucket.put(f"seals/source={SOURCE}/notes.txt", b"x")
    code, _, document = verify(root, capsys)
    assert (code, len(document["sources"][0]["orphans"]), document["consistent"]) == (1, 2, True)


def test_signatures_are_checked_with_the_archive_s_own_key_or_a_given_one(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.fill()
    (public,) = root.glob("seals/public-key-*.pem")
    for words in ((), ("--public-key", str(public))):
        code, _, document = verify(root, capsys, *words)
        assert (code, document["sources"][0]["signed"]) == (0, 4)


def test_openssl_and_sha256sum_alone_say_the_same(bench: Sealed, root: Path, tmp_path: Path) -> None:
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.fill()
    (public,) = root.glob("seals/public-key-*.pem")
    for seal in bench.seals():
        words = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", f"{root / seal.key}.sig"]
        done = subprocess.run([*words, str(root / seal.key)], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == "Verified OK\n"
        summed = subprocess.run(
            ["sha256sum", str(root / seal.key)], capture_output=True, text=True, check=True, timeout=30
        )
        assert summed.stdout.split()[0] == seal.sha256


def test_a_chain_signed_anew_is_found_with_the_public_key_kept_elsewhere_alone(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.fill()
    (public,) = root.glob("seals/public-key-*.pem")
    kept = tmp_path / "kept.pem"
    kept.write_bytes(public.read_bytes())
    forger = FileSigner(a_key(tmp_path / "forged.pem"))
    bench.remake(say_complete)
    for seal in bench.seals():
        bench.bucket.put(f"{seal.key}.sig", forger.sign(bench.body(seal.key)))
    bench.forget_head()
    assert verify(root, capsys)[0] == 6  # by no key that lies under seals/
    code, said, _ = verify(root, capsys, "--public-key", str(kept))
    assert (code, "was changed, or was not signed by a public key that was given" in said) == (6, True)


def test_signatures_taken_away_are_missed(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.fill()
    (public,) = root.glob("seals/public-key-*.pem")
    (root / f"{bench.seals()[2].key}.sig").unlink()
    assert "has no signature, and seals before it have one" in verify(root, capsys)[1]
    for path in root.glob("seals/**/*.sig"):
        path.unlink()
    assert verify(root, capsys)[0] == 0
    assert verify(root, capsys, "--public-key", str(public))[0] == 6


def test_a_new_key_is_named_with_the_seal_from_which_on_it_signed(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = []
    for name, day in zip(("old", "new"), DAYS, strict=False):
        bench.signer = FileSigner(a_key(tmp_path / f"{name}.pem"))
        bench.seal({day: Listed(number=0, clean=True)})
        kept.append(root / public_key_name(bench.signer.public_key()))
    old, new = kept
    first, second = bench.seals()
    code, said, document = verify(root, capsys)
    signers = document["sources"][0]["signers"]
    assert (code, [(each["key"], each["first"]) for each in signers]) == (
        0,
        [(str(old.relative_to(root)), 1), (str(new.relative_to(root)), 2)],
    )
    assert f"1 seal signed by {new.relative_to(root)}, from {second.key} on" in said
    code, said, _ = verify(root, capsys, "--public-key", str(old))
    assert code == 6
    assert f"{second.key} was signed by {new.relative_to(root)}, which is not a public key that was given" in said
    assert first.key not in said
    assert verify(root, capsys, "--public-key", str(old), "--public-key", str(new))[0] == 0


def test_a_broken_chain_names_the_next_command(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.fill()
    flip(bench)
    assert f"; next: recordings verify --source {SOURCE}" in verify(root, capsys)[1]
    for path in root.glob("seals/public-key-*.pem"):
        path.unlink()
    assert "; next: recordings seal verify --public-key FILE" in verify(root, capsys)[1]


def test_seals_of_before_the_key_need_no_signature(
    bench: Sealed, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.seal({DAYS[0]: Listed(number=0, clean=True)})
    bench.signer = FileSigner(a_key(tmp_path / "key.pem"))
    bench.seal({DAYS[1]: Listed(number=0, clean=True)})
    (public,) = root.glob("seals/public-key-*.pem")
    assert verify(root, capsys, "--public-key", str(public))[0] == 0


@pytest.mark.parametrize("words", [["ecparam", "-name", "secp384r1", "-genkey", "-noout"], ["genrsa", "1024"], None])
def test_a_key_of_another_kind_is_refused_with_the_command_that_makes_one(
    root: Path, tmp_path: Path, words: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "other.pem"
    if words:
        key.write_bytes(subprocess.run(["openssl", *words], capture_output=True, check=True, timeout=30).stdout)
    assert main(["seal", "-a", str(root), "--sign-key", str(key)]) == 2
    assert "openssl ecparam -name prime256v1" in capsys.readouterr().err


def test_seal_from_seals_earlier_days_once_and_says_unknown_without_a_report(
    bench: Sealed, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.keep("one", DAYS[1])
    report = {"days": [{"date": str(DAYS[1]), "state": "complete", "listed": 1, "as_of": "2026-02-27T00:00:00+00:00"}]}
    bench.bucket.put(f"reports/source={SOURCE}/date=2026-02-27/reconciliation.json", json.dumps(report).encode())
    words = ["seal", SOURCE, "-a", str(root), "--from", str(DAYS[0]), "--to", str(DAYS[2]), "--json"]
    assert main(words) == 0
    document = checked(capsys.readouterr().out)
    assert [(each["day"], each["complete"]) for each in document["sealed"]] == [
        (str(DAYS[0]), "unknown"),
        (str(DAYS[1]), True),
        (str(DAYS[2]), "unknown"),
    ]
    assert main(words) == 0
    assert checked(capsys.readouterr().out)["sealed"] == []
    assert verify(root, capsys)[0] == 0


def test_a_day_that_is_not_over_is_not_sealed(bench: Sealed, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seal", "-a", str(root), "--from", "2190-01-01"]) == 2
    assert "is not over" in capsys.readouterr().err


def test_a_mistyped_verb_is_not_taken_for_a_source(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seal", "verfy", "-a", str(root)]) == 3
    assert "has no source 'verfy'. Did you mean 'verify'?" in capsys.readouterr().err
