"""The schedules that EventBridge takes, as patterns."""

from __future__ import annotations

import re

DISPATCH = "rate(1 minute)"
"""When what is due is put into the lanes."""

RECONCILE = "rate(1 hour)"
"""When the reconciler looks whether its daily comparison is due."""

SWEEP = "rate(1 hour)"
"""When the sweeper looks whether its daily round is due, or goes on with it."""

_RATE = re.compile(r"rate\((1 (minute|hour|day)|(?!1 )[1-9][0-9]{0,5} (minutes|hours|days))\)")


def _listed(value: str) -> str:
    """A pattern for values, ranges and steps, with commas between them."""
    item = rf"(\*|{value}(-{value})?)(/[1-9][0-9]{{0,3}})?"
    return f"{item}(,{item})*"


_DAY = "(0?[1-9]|[12][0-9]|3[01])"
_MONTH = "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_WEEKDAY = "([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)"
_CRON = re.compile(
    rf"cron\((?P<minute>{_listed('[0-5]?[0-9]')}) {_listed('([01]?[0-9]|2[0-3])')} "
    rf"(?P<day>\?|LW?|{_DAY}W|{_listed(_DAY)}) {_listed(_MONTH)} "
    rf"(?P<weekday>\?|{_WEEKDAY}?L|{_WEEKDAY}#[1-5]|{_listed(_WEEKDAY)}) {_listed('(19[7-9][0-9]|2[01][0-9]{2})')}\)"
)
