"""Lengths, sizes and counts in words."""

from __future__ import annotations


def length_text(seconds: float | None) -> str:
    """`4:07`, or `1:02:03`; a dash where nobody knows."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str = "recording") -> str:
    """`1 recording`, `3,000 recordings`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def are(number: int) -> str:
    """`is` of one, `are` of any other number."""
    return "is" if number == 1 else "are"


def bytes_text(count: int | None) -> str:
    """`350 kB`, in powers of a thousand."""
    if count is None:
        return "–"
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("a size ends with GB")
