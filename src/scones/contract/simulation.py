"""What `scones simulate` writes."""

from __future__ import annotations

from typing import TypedDict


class Estimate(TypedDict):
    """A mean over simulated evenings, or a ratio of two, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Load(TypedDict):
    """Evenings with `times` as many orders; `in_use` is the share of its time that the oracle's fleet is away."""

    times: float
    in_use: float
    late_minutes_an_order: dict[str, Estimate]
    to_oracle: Estimate | None


class Simulation(TypedDict):
    """`policies` is policy -> measure -> estimate, an evening; `saved` is policy -> its late minutes less ours.

    `to_oracle` is our late minutes over the oracle's, None where that has none. The answers drawn were `model`'s.
    """

    evenings: int
    seed: int
    model: str
    policies: dict[str, dict[str, Estimate]]
    saved: dict[str, Estimate]
    to_oracle: Estimate | None
    loads: list[Load]
