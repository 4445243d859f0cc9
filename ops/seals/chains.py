"""Checks the chains of seals of an archive, with what lies in the bucket and what was kept elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from functions.archiver.bucket.bucket import Bucket, NotThere, Version
from functions.archiver.errors import ArchiveTrouble
from functions.archiver.sealing.book import Head
from functions.archiver.sealing.document import SIGNATURE, NoSeal, Seal, number_in, read_seal, seal_folder
from functions.archiver.sealing.signing import public_key_name
from ops.seals.openssl import der_of, verifies


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys that may have signed, as PEM.

    `given` is True where a person brought them from elsewhere; `others` are then those that lie in the archive.
    """

    pems: Sequence[bytes]
    given: bool = False
    others: Sequence[bytes] = ()

    def signer_of(self, body: bytes, signature: bytes) -> str | None:
        """The name of the key that signed these bytes; None where none of them did."""
        return _signer_of(self.pems, body, signature)

    def why_not(self, body: bytes, signature: bytes) -> str:
        """What is wrong with a signature that none of the keys made."""
        if not self.given:
            return "was changed, or was not signed by any public key under seals/"
        other = _signer_of(self.others, body, signature)
        if other:
            return f"was signed by {other}, which is not a public key that was given"
        return "was changed, or was not signed by a public key that was given"


def _signer_of(pems: Sequence[bytes], body: bytes, signature: bytes) -> str | None:
    for pem in pems:
        der = der_of(pem)
        if der is not None and verifies(pem, body, signature):
            return public_key_name(der)
    return None


@dataclass(kw_only=True, slots=True)
class ChainFindings:
    """The findings in one source's chain. `faults` break it; `orphans` are files that are no part of it."""

    source: str
    seals: list[Seal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    signers: dict[str, list[Seal]] = field(default_factory=lambda: defaultdict(list))
    """The seals that each key has signed, by its name under `seals/`."""

    @property
    def signed(self) -> int:
        """How many seals are signed."""
        return sum(map(len, self.signers.values()))

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
            "signers": [
                {"key": key, "seals": len(seals), "first": seals[0].standing.sequence}
                for key, seals in self.signers.items()
            ],
            "head": {"key": head.key, "sequence": head.standing.sequence, "sha256": head.sha256} if head else None,
            "faults": self.faults,
            "orphans": self.orphans,
        }


class _Signed(NamedTuple):
    """A seal that was read, whether a signature lies beside it, and whose it is as far as a key fits."""

    seal: Seal
    has_signature: bool
    signer: str | None


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

    def _read(self, files: Mapping[str, Sequence[Version]]) -> Iterator[_Signed]:
        """Every seal that is one, with who signed it."""
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
                yield _Signed(seal, f"{key}{SIGNATURE}" in files, self._signer_of(key, files))

    def _seal(self, key: str) -> Seal | None:
        body = self._body(key)
        if body is None:
            return None
        try:
            seal = read_seal(body)
        except NoSeal as reason:
            self._fault(f"{key} is not a seal: {reason}")
            return None
        if seal.key != key:
            self._fault(f"{key} is the seal that belongs at {seal.key}")
            return None
        return seal

    def _signer_of(self, key: str, files: Mapping[str, Sequence[Version]]) -> str | None:
        """Which of the keys has signed it. A signature that no key made is a fault."""
        if f"{key}{SIGNATURE}" not in files:
            return None
        body, signature = self._body(key), self._body(f"{key}{SIGNATURE}")
        if body is None or signature is None:
            return None
        signer = self._keys.signer_of(body, signature)
        if signer is None:
            self._fault(f"{key} {self._keys.why_not(body, signature)}")
        return signer

    def _body(self, key: str) -> bytes | None:
        try:
            with self._bucket.read(key) as chunks:
                return b"".join(chunks)
        except (NotThere, ArchiveTrouble) as trouble:
            self._fault(f"{key} cannot be read: {trouble}")
            return None

    # comparing

    def _chain(self, read: Iterator[_Signed]) -> None:
        by_sequence: dict[int, list[_Signed]] = defaultdict(list)
        for each in read:
            by_sequence[each.seal.standing.sequence].append(each)
        for sequence in sorted(by_sequence):
            chosen = self._choose(by_sequence, sequence)
            self._link(chosen.seal)
            if self._checked.signers and not chosen.has_signature:
                self._fault(f"{chosen.seal.key} has no signature, and seals before it have one")
            if chosen.signer:
                self._checked.signers[chosen.signer].append(chosen.seal)
            self._checked.seals.append(chosen.seal)
        if self._keys.given and self._checked.seals and not self._checked.signers:
            self._fault(f"{self._checked.seals[-1].key} has no signature by a public key that was given")

    def _choose(self, by_sequence: Mapping[int, Sequence[_Signed]], sequence: int) -> _Signed:
        """The seal, among those with one number in the chain, that the next seal names. The others are orphans."""
        candidates = by_sequence[sequence]
        named = {each.seal.standing.previous for each in by_sequence.get(sequence + 1, ())}
        chosen = next((each for each in candidates if each.seal.sha256 in named), candidates[0])
        if len(candidates) > 1:
            self._fault(f"{len(candidates)} seals have the sequence {sequence}")
            keys = [each.seal.key for each in candidates if each is not chosen]
            self._checked.orphans += [f"{key} is not a part of the chain" for key in keys]
        return chosen

    def _link(self, seal: Seal) -> None:
        before = self._checked.seals[-1] if self._checked.seals else None
        expected = before.standing.sequence + 1 if before else 1
        sequence = seal.standing.sequence
        if sequence != expected:
            one = sequence == expected + 1
            missing = (
                f"seal {expected} of the chain is" if one else f"seals {expected} to {sequence - 1} of the chain are"
            )
            self._fault(f"{missing} missing, before {seal.key}")
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
