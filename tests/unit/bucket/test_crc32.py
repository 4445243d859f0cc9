"""The CRC32 of the whole out of those of its parts."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from functions.archiver.bucket.crc32 import combined


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_it_is_that_of_the_bytes_behind_each_other(first: bytes, second: bytes) -> None:
    assert combined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_a_part_of_its_full_size_counts_like_any_other() -> None:
    part = bytes(range(256)) * 32768
    assert combined(zlib.crc32(b"head"), zlib.crc32(part), len(part)) == zlib.crc32(b"head" + part)
