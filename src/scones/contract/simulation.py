"""The result of `scones simulate`."""

from __future__ import annotations

from typing import TypedDict


class Estimate(TypedDict):
    """A mean over simulated evenings, or a ratio of two, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Load(TypedDict):
    """Evenings with `times` as many orders as usual. `in_use` is the share of time that the oracle's vehicles are away.

    `late_minutes_an_order` has one estimate per policy. `to_oracle` is as in `Simulation`.
    """

    times: float
    in_use: float
    late_minutes_an_order: dict[str, Estimate]
    to_oracle: Estimate | None


class Simulation(TypedDict):
    """Estimates per evening: `policies` has one per policy and measure.

    `saved` maps a policy to its late minutes minus those of the dispatch rule. `to_oracle` is the rule's late minutes
    divided by the oracle's, or None if the oracle has none. The predictions are those of the model version `model`.
    """

    evenings: int
    seed: int
    model: str
    policies: dict[str, dict[str, Estimate]]
    saved: dict[str, Estimate]
    to_oracle: Estimate | None
    loads: list[Load]
