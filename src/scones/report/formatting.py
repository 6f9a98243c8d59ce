"""Numbers for people: percentiles, durations, percentages and dollars. Runs where the operator sits.

No-break spaces keep a number and its unit on one line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the value below which `percent` (0 to 100) of `values` lie, or None without values.

    Interpolates between the two nearest ranks, as `numpy.percentile` does (Hyndman & Fan 1996, definition 7).
    """
    if not values:
        return None
    ranked = sorted(values)
    position = (len(ranked) - 1) * percent / 100
    low = math.floor(position)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (position - low)


def duration(seconds: float | None) -> str:
    """Return seconds as milliseconds, seconds or minutes; a dash for None."""
    if seconds is None:
        return "—"
    # The limits are where rounding would show 1000 ms, or 99.5 s with too many digits.
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}\u00a0ms"
    if seconds < 99.5:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}\u00a0min {rest}\u00a0s"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 as a percentage; a dash for None."""
    return "—" if share is None else f"{share * 100:.{digits}f}\u00a0%"


def listed(names: Sequence[str], max_names: int = 3) -> str:
    """Return names joined as in a sentence, or their number if there are more than `max_names`."""
    if len(names) > max_names:
        return f"{len(names)} classes"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def dollars(usd: float, digits: int = 2) -> str:
    """Return US dollars, rounded up: a bill never shows less than its sum."""
    scale = 10**digits
    # Without the inner rounding, binary fractions would push an exact amount up by a cent.
    return f"${math.ceil(round(usd * scale, 6)) / scale:.{digits}f}"


def price(usd: float) -> str:
    """Return a unit price with as many decimals as its source has, up to ten."""
    whole, _, decimals = f"{usd:.10f}".partition(".")
    return f"${whole}.{decimals.rstrip('0'):0<2}"


def quantity(value: float) -> str:
    """Return a quantity with three significant figures, never in powers of ten."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(value))}f}".rstrip("0").rstrip(".")
