"""Names in the archive: no id leaves its folder or meets another's name."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.archiver.object_keys import MAX_NAME_BYTES, Place, reconciliation_report, safe_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# Texts that differ little, long ones among them, which hypothesis would rarely make by itself.
NEAR = st.one_of(
    TEXT,
    st.text(".~%/2E7é", max_size=6),
    st.builds(lambda head, tail: "a" * 148 + head + "b" * 60 + tail, st.text("a~%é", max_size=4), st.text("b~")),
)


@settings(max_examples=300)
@given(NEAR)
@example("..")
@example(".")
@example("../../etc/passwd")
@example("\U0001f600" * 60)
@example("~" * 67)
def test_a_name_stays_in_its_folder_and_is_short_ascii(id_: str) -> None:
    name = safe_name(id_)
    assert "/" not in name
    assert "\\" not in name
    assert not name.startswith(".")
    assert len(name.encode("ascii")) <= MAX_NAME_BYTES
    assert name.isprintable()
    assert " " not in name


@settings(max_examples=300)
@given(NEAR, NEAR)
@example(".", "%2E")
@example("~", "%7E")
@example("a" * 201, "a" * 202)
@example("a", "A")
def test_two_ids_never_share_a_name(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@settings(max_examples=50)
@given(TEXT.map(lambda text: text + "x" * 201))
def test_no_id_can_be_given_the_name_of_a_shortened_one(long: str) -> None:
    shortened = safe_name(long)
    assert safe_name(shortened) != shortened


def test_an_ordinary_id_is_its_own_name() -> None:
    assert safe_name("REC-2026.03_04") == "REC-2026.03_04"
    assert safe_name("a" * 200) == "a" * 200


@pytest.mark.parametrize("id_", ["a/b", "a b", "a?b", "a#b", "a%b", "a=b", "a\nb", "ä"])
def test_anything_special_is_percent_encoded(id_: str) -> None:
    assert safe_name(id_) == id_[0].replace("ä", "%C3%A4") + "".join(
        f"%{byte:02X}" if not chr(byte).isalnum() else chr(byte) for byte in id_[1:].encode()
    )


def test_each_object_has_its_place() -> None:
    place = Place(source="acme", day=date(2026, 3, 4), recording_id="a/b")
    assert place.audio("wav") == "audio/source=acme/date=2026-03-04/a%2Fb.wav"
    assert place.metadata == "metadata/source=acme/date=2026-03-04/a%2Fb.json"
    assert place.transcript == "transcripts/source=acme/date=2026-03-04/a%2Fb.json"
    assert reconciliation_report("acme", place.day) == "reports/source=acme/date=2026-03-04/reconciliation.json"


@pytest.mark.parametrize(
    ("key", "owned"),
    [
        ("audio/source=acme/date=2026-03-04/rec.wav", True),
        ("audio/source=acme/date=2026-03-04/rec.wav.enc", True),
        ("quarantine/source=acme/date=2026-03-04/rec.bin", True),
        ("audio/source=acme/date=2026-03-04/rec-2.wav", False),
        ("audio/source=acme/date=2026-03-05/rec.wav", False),
        ("audio/source=other/date=2026-03-04/rec.wav", False),
        ("audio/source=acme/date=2026-03-04/rec./../../../../notes.txt", False),
        ("x/audio/source=acme/date=2026-03-04/rec.wav", False),
        ("", False),
    ],
)
def test_a_recording_owns_the_keys_of_its_own_bytes_alone(key: str, owned: bool) -> None:
    assert Place(source="acme", day=date(2026, 3, 4), recording_id="rec").owns(key) is owned
