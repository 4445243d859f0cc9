"""A seal's file is made of what it says and of nothing else, and names nobody."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from functions.archiver.sealing.document import Line, NoSeal, Standing, Statement, name_of, read_seal, seal_bytes
from functions.archiver.version import VERSION

DAY = date(2026, 2, 25)
LINES = tuple(
    Line(name=name_of(f"audio/source=acme/date=2026-02-25/{id_}.mp3", f"v-{id_}"), sha256="a" * 64, bytes=7,
         archived_at="2026-02-25T12:00:00+00:00")
    for id_ in ("one", "two", "three")
)  # fmt: skip
STATEMENT = Statement(
    source="acme", day=DAY, listed=3, archived=3, gone=0, erased=0, missing=0, complete=True, lines=tuple(sorted(LINES))
)
STANDING = Standing(number=1, sequence=4, previous="b" * 64, as_of="2026-03-04T12:00:00+00:00", version="0.1.0")


def rewritten(**fields: Any) -> bytes:
    """The seal with other values in its first line."""
    first, rest = seal_bytes(STATEMENT, STANDING).split(b"\n", 1)
    return json.dumps(json.loads(first) | fields, separators=(",", ":")).encode() + b"\n" + rest


def test_the_first_line_has_the_fields_of_the_schema_in_their_order() -> None:
    first = json.loads(seal_bytes(STATEMENT, STANDING).splitlines()[0])
    assert first == {
        "schema": "recordings.seal/1",
        "source": "acme",
        "day": "2026-02-25",
        "number": 1,
        "sequence": 4,
        "previous": "b" * 64,
        "listed": 3,
        "archived": 3,
        "gone": 0,
        "erased": 0,
        "missing": 0,
        "complete": True,
        "as_of": "2026-03-04T12:00:00+00:00",
        "version": "0.1.0",
    }


def test_a_seal_that_names_a_recording_twice_is_none() -> None:
    first, *more = sorted(LINES)
    twice = tuple(sorted((first, replace(first, bytes=8), *more)))
    with pytest.raises(NoSeal, match="twice"):
        read_seal(seal_bytes(replace(STATEMENT, lines=twice), STANDING))


def test_recordings_stand_in_the_order_of_their_names_which_are_salted_digests() -> None:
    rows = [json.loads(line) for line in seal_bytes(STATEMENT, STANDING).splitlines()[1:]]
    names = [row["name"] for row in rows]
    assert names == sorted(names)
    assert hashlib.sha256(b"audio/source=acme/date=2026-02-25/one.mp3\nv-one").hexdigest() in names
    assert set(rows[0]) == {"name", "sha256", "bytes", "archived_at"}


def test_a_seal_reads_back_as_what_was_written() -> None:
    body = seal_bytes(STATEMENT, STANDING)
    seal = read_seal(body)
    assert (seal.statement, seal.standing, seal.sha256) == (STATEMENT, STANDING, hashlib.sha256(body).hexdigest())
    assert seal.key == "seals/source=acme/date=2026-02-25/0001.jsonl"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null\n",
        b"[1]\n",
        b"\xff\xfe",
        rewritten(schema="recordings.seal/2"),
        rewritten(complete="yes"),
        rewritten(complete=1),
        rewritten(archived=True),
        rewritten(missing=-1),
        rewritten(previous="short"),
        rewritten(day="yesterday"),
        rewritten(more="than it should"),
        seal_bytes(STATEMENT, STANDING).replace(b'"bytes":7', b'"bytes":07'),
        seal_bytes(STATEMENT, STANDING).replace(b"\n", b"\r\n"),
        seal_bytes(STATEMENT, STANDING)[:-1],
        b"[" * 100_000,
    ],
)
def test_whatever_a_seal_would_not_have_written_is_no_seal(body: bytes) -> None:
    with pytest.raises(NoSeal):
        read_seal(body)


def test_lines_in_another_order_are_no_seal() -> None:
    first, *rest = seal_bytes(STATEMENT, STANDING).splitlines(keepends=True)
    with pytest.raises(NoSeal):
        read_seal(b"".join([first, *reversed(rest)]))


def test_what_a_person_has_accepted_is_named_where_there_is_any() -> None:
    from dataclasses import replace

    accepted = replace(STATEMENT, accepted=2)
    assert json.loads(seal_bytes(accepted, STANDING).splitlines()[0])["accepted"] == 2
    assert read_seal(seal_bytes(accepted, STANDING)).statement == accepted


def test_seals_name_the_version_of_the_project_file() -> None:
    assert tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == VERSION
