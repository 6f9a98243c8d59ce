"""Numbers as people read them: percentiles, times, shares and dollars. Runs where the operator sits; knows no run.

No-break spaces keep a number and its unit on one line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The value below which `percent` (0 to 100) of `values` lie; None where there are none.

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
    if seconds is None:
        return "—"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}\u00a0ms"
    if seconds < 99.5:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}\u00a0min {rest}\u00a0s"


def percent(share: float | None, digits: int = 1) -> str:
    return "—" if share is None else f"{share * 100:.{digits}f}\u00a0%"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names as a sentence has them; of more than `most`, how many there are."""
    if len(names) > most:
        return f"{len(names)} classes"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def dollars(usd: float, digits: int = 2) -> str:
    """US dollars, rounded up: a bill never shows less than it adds up to."""
    scale = 10**digits
    # Binary fractions must not push an exact amount over to the next step.
    return f"${math.ceil(round(usd * scale, 6)) / scale:.{digits}f}"


def price(usd: float) -> str:
    """A unit price as its source has it, to ten decimals."""
    whole, _, decimals = f"{usd:.10f}".partition(".")
    return f"${whole}.{decimals.rstrip('0'):0<2}"


def quantity(value: float) -> str:
    """A quantity to three significant figures, plain (never in powers of ten)."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(value))}f}".rstrip("0").rstrip(".")
