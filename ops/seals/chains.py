"""Checks the chains of seals of an archive, with what lies in the bucket and what was kept elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from functions.archiver.bucket.bucket import Bucket, NotThere, Version
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.sealing.book import Head
from functions.archiver.sealing.document import SIGNATURE, NoSeal, Seal, number_in, read_seal, seal_folder
from functions.archiver.sealing.signing import public_key_name
from ops.seals.openssl import der_of, verifies


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys that may have signed, as PEM. `given` is True where a person brought one from elsewhere."""

    pems: Sequence[bytes]
    given: bool = False


@dataclass(kw_only=True, slots=True)
class ChainFindings:
    """The findings in one source's chain. `faults` break it; `orphans` are files that are no part of it."""

    source: str
    seals: list[Seal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    signed: int = 0

    @property
    def head(self) -> Seal | None:
        """The newest seal."""
        return self.seals[-1] if self.seals else None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        head = self.head
        return {
            "source": self.source,
            "seals": len(self.seals),
            "days": len({seal.statement.day for seal in self.seals}),
            "signed": self.signed,
            "head": {"key": head.key, "sequence": head.standing.sequence, "sha256": head.sha256} if head else None,
            "faults": self.faults,
            "orphans": self.orphans,
        }


class ChainCheck:
    """Checks one source. `noted` is the head that the ledger knows, None where there is no ledger to ask."""

    def __init__(self, bucket: Bucket, source: str, *, keys: Keys, noted: Head | None = None) -> None:
        self._bucket = bucket
        self._keys = keys
        self._noted = noted
        self._checked = ChainFindings(source=source)

    def run(self) -> ChainFindings:
        """Reads every seal of the source once."""
        seals = self._read(self._files())
        self._chain(seals)
        self._numbers()
        self._head()
        return self._checked

    # reading

    def _files(self) -> dict[str, list[Version]]:
        files: dict[str, list[Version]] = defaultdict(list)
        for version in self._bucket.versions(seal_folder(self._checked.source)):
            files[version.key].append(version)
        return files

    def _read(self, files: Mapping[str, Sequence[Version]]) -> Iterator[tuple[Seal, bool]]:
        """Every seal that is one, with whether it is signed."""
        for key, versions in sorted(files.items()):
            if number_in(key) is None:
                if number_in(key.removesuffix(SIGNATURE)) is None or key.removesuffix(SIGNATURE) not in files:
                    self._checked.orphans.append(f"{key} belongs to no seal")
                continue
            if any(version.deleted for version in versions):
                self._fault(f"{key} was deleted")
            elif len(versions) > 1:
                self._fault(f"{key} was written {len(versions)} times")
            seal = self._seal(key)
            if seal:
                yield seal, self._is_signed(key, files)

    def _seal(self, key: str) -> Seal | None:
        body = self._body(key)
        if body is None:
            return None
        try:
            seal = read_seal(body)
        except NoSeal as reason:
            self._fault(f"{key} is no seal: {reason}")
            return None
        if seal.key != key:
            self._fault(f"{key} is the seal that belongs at {seal.key}")
            return None
        return seal

    def _is_signed(self, key: str, files: Mapping[str, Sequence[Version]]) -> bool:
        """Whether one of the keys has signed it. A signature that no key made is a fault."""
        if f"{key}{SIGNATURE}" not in files:
            return False
        body, signature = self._body(key), self._body(f"{key}{SIGNATURE}")
        if body is None or signature is None:
            return False
        if any(verifies(pem, body, signature) for pem in self._keys.pems):
            self._checked.signed += 1
            return True
        whose = "the public key that was given" if self._keys.given else "any public key under seals/"
        self._fault(f"{key} was not signed by {whose}")
        return False

    def _body(self, key: str) -> bytes | None:
        try:
            with self._bucket.read(key) as chunks:
                return b"".join(chunks)
        except (NotThere, ArchiveTrouble) as trouble:
            self._fault(f"{key} cannot be read: {trouble}")
            return None

    # comparing

    def _chain(self, read: Iterator[tuple[Seal, bool]]) -> None:
        by_sequence: dict[int, list[tuple[Seal, bool]]] = defaultdict(list)
        for seal, is_signed in read:
            by_sequence[seal.standing.sequence].append((seal, is_signed))
        signed_before = False
        for sequence in sorted(by_sequence):
            seal, is_signed = self._choose(by_sequence, sequence)
            self._link(seal)
            if signed_before and not is_signed:
                self._fault(f"{seal.key} has no valid signature, and seals before it have one")
            signed_before = signed_before or is_signed
            self._checked.seals.append(seal)
        if self._keys.given and self._checked.seals and not signed_before:
            self._fault(f"{self._checked.seals[-1].key} has no signature by the public key that was given")

    def _choose(self, by_sequence: Mapping[int, Sequence[tuple[Seal, bool]]], sequence: int) -> tuple[Seal, bool]:
        """The seal, among those with one number in the chain, that the next seal names. The others are orphans."""
        candidates = by_sequence[sequence]
        named = {seal.standing.previous for seal, _ in by_sequence.get(sequence + 1, ())}
        chosen = next((each for each in candidates if each[0].sha256 in named), candidates[0])
        if len(candidates) > 1:
            self._fault(f"{len(candidates)} seals have the sequence {sequence}")
            keys = [each[0].key for each in candidates if each is not chosen]
            self._checked.orphans += [f"{key} is no part of the chain" for key in keys]
        return chosen

    def _link(self, seal: Seal) -> None:
        before = self._checked.seals[-1] if self._checked.seals else None
        expected = before.standing.sequence + 1 if before else 1
        sequence = seal.standing.sequence
        if sequence != expected:
            missing = str(expected) if sequence == expected + 1 else f"{expected} to {sequence - 1}"
            self._fault(f"seal {missing} of the chain is missing, before {seal.key}")
        elif seal.standing.previous != (before.sha256 if before else None):
            self._fault(f"{seal.key} follows another seal than {before.key if before else 'none'}")

    def _numbers(self) -> None:
        by_day: dict[date, list[int]] = defaultdict(list)
        for seal in self._checked.seals:
            by_day[seal.statement.day].append(seal.standing.number)
        for day, numbers in sorted(by_day.items()):
            for missing in sorted(set(range(1, max(numbers))) - set(numbers)):
                self._fault(f"number {missing} of {day} is missing")
            if numbers != sorted(numbers):
                self._fault(f"the seals of {day} are not in the order of their numbers")

    def _head(self) -> None:
        head, noted = self._checked.head, self._noted
        if noted and (head is None or head.standing.sequence < noted.sequence):
            last = f"ends at {head.key}" if head else "is empty"
            self._fault(f"the chain {last}, and the ledger notes {noted.sequence} seals, the last one at {noted.key}")
        elif noted and noted.sha256 not in {seal.sha256 for seal in self._checked.seals}:
            self._fault(f"{noted.key} is not the seal whose digest the ledger notes")

    def _fault(self, sentence: str) -> None:
        self._checked.faults.append(sentence)


def keys_in(bucket: Bucket) -> Keys:
    """The public keys of the archive itself, each under the name that only it can have."""
    pems = []
    for key in bucket.keys("seals/public-key-"):
        with bucket.read(key) as chunks:
            pem = b"".join(chunks)
        der = der_of(pem)
        if der is not None and public_key_name(der) == key:
            pems.append(pem)
    return Keys(pems)
