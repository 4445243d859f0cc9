"""Siblings of cases in lists: one value that is no JSON, no XML, no time, no name that anybody expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.field.sibling import Kind, Sibling, sibling

# One value in a list

_NUMBERS = (
    *("NaN", "Infinity", "-inf", "1e400", "5e-324", "-1e-200", "9" * 5000, "1e", "0x1F", "007", "+5", ".5", "5."),
    *("", "undefined", "None", "nan(ind)", "'5'", '"12s"', "[1]", '{"a": 1}', "true", "5 /* ms */", "5,", "-", "12:30"),
    *("[" * 20_000 + "]" * 20_000, '{"a":' * 2000 + "1" + "}" * 2000),
)
_TEXTS = (
    *(
        b"Jos\xe9",
        b"Jos\xc3",
        b"\xff\xfe",
        b"Jo\x01s",
        b"Jo\x00s",
        b"Jo\ts",
        b"Jo\ns",
        b"\\ud800",
        b"\\udc00x",
        b"\\xe9",
    ),
    *(
        b"\\u12",
        b'Jo "The" Osei',
        b"C:\\Users",
        b"\xef\xbb\xbfJo",
        "\u202eJo\u202c".encode(),
        "Jo\u200d\xa0\u3000".encode(),
    ),
    *(b"x" * 20_000, b"</script>", "é".encode("utf-16-be"), b"Jo\x7f\x85"),
)
_XML_TEXTS = (
    *(b"Jo&#0;s", b"Jo&#11;s", b"Jo&#xB;s", b"Jo&#xD800;s", b"Jo&#99999999;s", b"Jo\x0bs", b"Jo\x00s", b"Jos\xe9"),
    *(b"Jo & Co", b"Jo &nbsp; Co", b"Jo &nope; Co", b"1 < 2", b"a <= b", b"Jo\xc3", b"&", b"&#;", b"&#x;"),
)


def odd_numbers() -> Iterator[Sibling]:
    for number, literal in enumerate(_NUMBERS):
        plain = f'"duration": {770_000 + number}'
        odd = f'"duration": {literal}'.encode()
        yield sibling(f"duration {literal[:20]}", row={"duration": 770_000 + number}, replace=(plain, odd))


def odd_texts() -> Iterator[Sibling]:
    for number, text in enumerate(_TEXTS):
        plain = f"Ada Osei {number:04}"
        yield sibling(f"agent {text[:20]!r}", row={"agent": {"name": plain}}, replace=(plain, text))


def odd_texts_in_xml() -> Iterator[Sibling]:
    for number, text in enumerate(_XML_TEXTS):
        plain = f"Ada Osei {number:04}"
        row = {"number_connected": plain}
        yield sibling(f"text {text!r}", provider="dialogtech", row=row, replace=(plain, text))


def odd_facts() -> Iterator[Sibling]:
    values: tuple[Any, ...] = (
        *(
            "",
            "x" * 5000,
            "A\u200dB",
            "\u202a+49 151\u202c",
            "Anna\u00a0M",
            "\ufeff",
            {"a": 1},
            ["x"],
            True,
            None,
            10**40,
        ),
        *(1e-310, -5, 0.1, "a\nb"),
    )
    for value in values:
        row = {"agent": {"name": value}, "call": {"from": value, "to": value, "type": value, "id": value}}
        yield sibling(f"facts {str(value)[:20]!r}", row={**row, "duration": value, "lastUpdated": value, "tags": value})
    for name in ("agent", "call", "tags", "duration", "lastUpdated"):
        for value in (None, [], "text", 5):
            yield sibling(f"{name} {value}", row={name: value})


def odd_times() -> Iterator[Sibling]:
    moment = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    forms = (
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S UTC",
        "%Y-%m-%dt%H:%M:%Sz",
        "%Y%m%dT%H%M%SZ",
        "%a, %d %b %Y %H:%M:%S GMT",
    )
    for written in (*map(moment.strftime, forms), "2026-03-04T10:30:00+0100", "2026-03-04T09:30:00.123456789Z"):
        yield sibling(f"time {written}", row={"dateCreated": written})
    for number in (int(moment.timestamp()), moment.timestamp() * 1000, str(int(moment.timestamp()))):
        yield sibling(f"time {number}", row={"dateCreated": number})


def odd_ids() -> Iterator[Sibling]:
    ids = (
        *("a\u200db", "\u202eabc", "☎️📞", "a b ", "100%", "..", "a\u00a0b", "\u200b", "ABC_abc", "abc_ABC", "a/b/../c"),
        *(
            "e\u0301",
            "é",
            "\ufeffabc",
            "تسجيل",
            "a&b=c?d#e",
            "a'b\"c",
            "x" * 400,
            "x" * 399 + "y",
            "a\\b",
            "con",
            "-",
            "%2e",
        ),
    )
    for id_ in ids:
        yield sibling(f"id {id_[:20]!r}", id=id_)


KINDS: Sequence[Kind] = (odd_numbers, odd_texts, odd_texts_in_xml, odd_facts, odd_times, odd_ids)
