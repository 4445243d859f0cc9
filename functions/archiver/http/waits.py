"""How long a provider asks to be left alone, in whichever dialect its headers speak."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from functions.archiver.provider.declaration import LimitHeaders

_SECONDS = re.compile(r"[0-9]{1,100}(\.[0-9]{1,9})?")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_EPOCH_MILLISECONDS = 10**11
_EPOCH_SECONDS = 10**8
_LONGEST_SECONDS = 3600.0


def requested_wait(headers: Mapping[str, str], dialect: LimitHeaders) -> float | None:
    """Seconds until the provider wants to be asked again, by the first of its headers that says so; None for none."""
    found = (_seconds(name, headers.get(name, "").strip()) for name in dialect.wait)
    return next((seconds for seconds in found if seconds is not None), None)


def wait_after_refusal(headers: Mapping[str, str], dialect: LimitHeaders) -> float | None:
    """Seconds to wait after a refusal for being too fast: as asked, else as the provider documents, else None."""
    asked = requested_wait(headers, dialect)
    if asked is None and dialect.otherwise is not None:
        return dialect.otherwise.total_seconds()
    return asked


def wait_when_used_up(headers: Mapping[str, str], dialect: LimitHeaders) -> float | None:
    """Seconds to wait because the answer says that no request is left; None while some are, or nothing is said."""
    counts = [headers[name].strip() for name in dialect.remaining if name in headers]
    if not any(_NUMBER.fullmatch(count) and float(count) == 0 for count in counts):
        return None
    return wait_after_refusal(headers, dialect)


def _seconds(name: str, text: str) -> float | None:
    seconds = seconds_of(text) if name.lower() == "retry-after" else _of_reset(text)
    return _until_moment(text) if seconds is None else seconds


def _of_reset(text: str) -> float | None:
    """A number whose unit nobody documents: a moment where it is large, milliseconds where no wait is so long."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if number >= _EPOCH_SECONDS:
        moment = number / 1000 if number >= _EPOCH_MILLISECONDS else number
        return max(moment - time.time(), 0.0)
    return number if number <= _LONGEST_SECONDS else number / 1000


def _until_moment(text: str) -> float | None:
    """Seconds until an ISO 8601 time, which Zoom writes where a number or an HTTP date belongs."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return max(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def seconds_of(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header in either of its forms; None for none or nonsense."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds > 0 else None
