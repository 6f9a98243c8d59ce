"""Times as people type them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from scones.errors import UsageError

_AGE: Final = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhd])", re.ASCII)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time that lies an age such as `30m`, `2h` or `3d` before `now`, or that an ISO 8601 text names.

    A time without a time zone is local. Raises UsageError for any other text.
    """
    try:
        if age := _AGE.fullmatch(text):
            return now - int(age["number"]) * _UNITS[age["unit"]]
        # Overflows in the first and the last hours that a datetime can hold.
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since {text[:80]} is not a time; write 2h, 3d or 2026-11-25T19:30+01:00") from error
