"""Which storage class a recording is put into, decided by what it will cost until it expires.

A later transition costs more than putting an object where it belongs, so `auto` does the sum at the PUT and stays
within classes that play at once: Standard and Glacier Instant Retrieval. Prices are us-east-1, 2026; what decides is
their ratio, which differs little between regions.
"""

from __future__ import annotations

from functions.archiver.lazy_dataclass import dataclass

SHORTEST_STAY_DAYS = {
    "STANDARD": 0,
    "STANDARD_IA": 30,
    "INTELLIGENT_TIERING": 0,
    "ONEZONE_IA": 30,
    "GLACIER_IR": 90,
    "GLACIER": 90,
    "DEEP_ARCHIVE": 180,
}
"""Storage classes in the order in which S3 moves objects, with the days that it bills at the least."""


EARLIEST_TIER_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
"""S3 moves nothing into these classes before an object is so old."""


IMPOSSIBLE_MOVE = ("ONEZONE_IA", "GLACIER_IR")
"""The one step down that S3 does not take."""

STANDARD = "STANDARD"
INSTANT = "GLACIER_IR"

SMALLEST_BILLED_BYTES = 128 * 1024
"""Glacier Instant Retrieval bills at least this much for each object."""

_PUT_DOLLARS = {STANDARD: 0.005 / 1000, INSTANT: 0.02 / 1000}
_GIB_MONTH_DOLLARS = {STANDARD: 0.023, INSTANT: 0.004}
_FOR_EVER_DAYS = 3650
_DAYS_A_MONTH = 30.4
_GIB = 1024**3


def cost_dollars(storage_class: str, *, size_bytes: int, days: int) -> float:
    """The cost of one object from its PUT until it expires, requests and storage, in US dollars."""
    billed = max(size_bytes, SMALLEST_BILLED_BYTES) if storage_class == INSTANT else size_bytes
    months = max(days, SHORTEST_STAY_DAYS[storage_class]) / _DAYS_A_MONTH
    return _PUT_DOLLARS[storage_class] + billed / _GIB * _GIB_MONTH_DOLLARS[storage_class] * months


@dataclass(frozen=True, kw_only=True, slots=True)
class StoragePolicy:
    """`storage` of the deployment file: `auto` or a class. With tiers, `auto` leaves the moving to them."""

    storage: str
    expire_after_days: int | None
    tiers: bool = False

    def at_put(self, size_bytes: int) -> str:
        """The storage class for an object of this size."""
        if self.storage != "auto":
            return self.storage
        if self.tiers or size_bytes < SMALLEST_BILLED_BYTES:
            return STANDARD
        days = self.expire_after_days or _FOR_EVER_DAYS
        return min((STANDARD, INSTANT), key=lambda name: cost_dollars(name, size_bytes=size_bytes, days=days))
