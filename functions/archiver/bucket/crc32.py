"""The CRC32 of two pieces of bytes from those of each, without the bytes.

A CRC is the remainder of a polynomial over GF(2), bytes being its coefficients. Bytes behind others multiply these by
x to the power of eight times their number, and the remainders add up by exclusive or. Bit 31 is the coefficient of x⁰.
"""

from __future__ import annotations

import functools

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


def combined(first: int, second: int, second_bytes: int) -> int:
    """The CRC32 of bytes with the CRC32 `first`, followed by `second_bytes` bytes with the CRC32 `second`."""
    return _product(_shift(second_bytes), first) ^ second


@functools.lru_cache(maxsize=4)
def _shift(size: int) -> int:
    """x to the power of 8 · `size`."""
    result, power = _ONE, _product(_X, _X)
    power = _product(_product(power, power), _product(power, power))  # x⁸
    while size:
        if size & 1:
            result = _product(result, power)
        power = _product(power, power)
        size >>= 1
    return result


def _product(left: int, right: int) -> int:
    """The product of two remainders."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product
