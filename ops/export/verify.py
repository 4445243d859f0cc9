#!/usr/bin/env python3
"""Checks an export: `python3 verify.py`, in the folder where the export was unpacked. Needs Python 3.9 and no more.

Every file of SHA256SUMS has to be there with its SHA-256, and no other file may lie beside it. The chain of seals in
completeness/ has to be whole, and every recording that the manifest calls sealed has to stand in its seal. Exit code 0
if all of that holds, 1 otherwise; each fault is named. The signature is checked where there is one and openssl is
installed; it is not checked otherwise, and that changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Tuple

LIST, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.sig", "public-key.pem"
UNLISTED = {LIST, SIGNATURE, KEY}


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def listed(root: str) -> Dict[str, str]:
    """The names and digests of SHA256SUMS."""
    found: Dict[str, str] = {}
    with open(os.path.join(root, LIST), encoding="utf-8") as file:
        for line in file:
            digest, _, name = line.rstrip("\n").partition("  ")
            found[name] = digest
    return found


def present(root: str) -> Iterator[str]:
    """Every file below the folder, and every link to a folder, by its name with slashes."""
    for folder, folders, names in os.walk(root):
        for name in names + [each for each in folders if os.path.islink(os.path.join(folder, each))]:
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def faults_of_files(root: str, sums: Dict[str, str]) -> Iterator[str]:
    for name in sorted(sums):
        path = os.path.join(root, *name.split("/"))
        if not os.path.isfile(path):
            yield "missing: " + name
        elif os.path.realpath(path) != os.path.join(os.path.realpath(root), *name.split("/")):
            yield "not a file of this folder: " + name
        elif sha256_of(path) != sums[name]:
            yield "altered: " + name
    for name in sorted(set(present(root)) - set(sums) - UNLISTED):
        yield "not part of the export: " + name


Seals = Dict[str, List[Tuple[int, str, str, List[Any]]]]


def seals_of(root: str) -> Seals:
    """The seals by source, each as (sequence, name, SHA-256, lines)."""
    seals: Seals = {}
    for name in present(os.path.join(root, "completeness", "seals")):
        if not name.endswith(".jsonl"):
            continue
        path = os.path.join(root, "completeness", "seals", *name.split("/"))
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        head = lines[0]
        seals.setdefault(head["source"], []).append((head["sequence"], name, sha256_of(path), lines))
    return {source: sorted(found, key=lambda seal: seal[0]) for source, found in seals.items()}


def faults_of_chain(seals: Seals) -> Iterator[str]:
    for source in sorted(seals):
        for before, after in zip(seals[source], seals[source][1:]):
            if after[0] != before[0] + 1:
                yield f"seals of {source}: number {before[0]} is followed by number {after[0]}"
            elif after[3][0]["previous"] != before[2]:
                yield f"seals of {source}: number {after[0]} does not follow from the one before it"


def faults_of_manifest(manifest: Any, sums: Dict[str, str], seals: Seals) -> Iterator[str]:
    for item in manifest["items"]:
        if sums.get(item["file"]) != item["sha256_now"]:
            yield "the manifest has another SHA-256 for " + item["file"]
        seal = item["seal"]
        if seal is None:
            continue
        text = "{}\n{}".format(item["key"], item["version_id"] or "")
        name = hashlib.sha256(text.encode("utf-8")).hexdigest()
        found = [each for each in seals.get(item["source"], []) if each[2] == seal["sha256"]]
        if not found:
            yield "no seal of the digest that the manifest names for " + item["file"]
        elif not any(
            line.get("name") == name and line.get("sha256") == item["sha256_at_archiving"] for line in found[0][3][1:]
        ):
            yield "its seal does not name " + item["file"]


def signature(root: str) -> Tuple[str, bool]:
    """What is to be said of the signature, and whether it is wrong."""
    paths = [os.path.join(root, name) for name in (KEY, SIGNATURE, LIST)]
    if not all(os.path.isfile(path) for path in paths[:2]):
        return "signature not checked: there is none", False
    words = ["openssl", "dgst", "-sha256", "-verify", paths[0], "-signature", paths[1], paths[2]]
    try:
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return "signature not checked: openssl is not installed", False
    if done.returncode == 0:
        return "the signature matches public-key.pem; compare that key with one you got another way", False
    return "signature is wrong", True


def main() -> int:
    root = os.path.dirname(os.path.abspath(__file__))
    try:
        sums = listed(root)
        faults = list(faults_of_files(root, sums))
        with open(os.path.join(root, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        seals = seals_of(root)
        faults += faults_of_chain(seals)
        faults += faults_of_manifest(manifest, sums, seals)
    except OSError as error:
        print(f"this export is not whole: {error.filename}: {error.strerror}")
        return 1
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        print(f"this export is not whole: {error}")
        return 1
    said, wrong = signature(root)
    for fault in faults:
        print(fault)
    print(said)
    if faults or wrong:
        print("NOT as it was exported")
        return 1
    recordings = len(manifest["items"])
    print(f"{len(sums)} files, {recordings} recordings: as exported")
    return 0


if __name__ == "__main__":
    sys.exit(main())
