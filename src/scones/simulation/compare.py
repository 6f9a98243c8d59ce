"""The same evenings under every policy, with bootstrap intervals for the means and the differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scones.contract.simulation import Estimate
from scones.dispatch_rule import Rules
from scones.simulation.depot import Depot, EveningResult
from scones.simulation.evening import Evening, ImagePrediction, Script, draw
from scones.simulation.policies import ORACLE, OURS, POLICIES

_RESAMPLES = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scenario:
    """The common part of all evenings: their parameters, the predictions by true class, and the dispatch rules."""

    evening: Evening
    predictions: Mapping[str, Sequence[ImagePrediction]]
    rules: Rules


@dataclass(frozen=True)
class Played:
    """The evenings that were played: `measures` maps policy -> measure -> array of shape [evenings]."""

    seed: int
    measures: Mapping[str, Mapping[str, NDArray[np.float64]]]

    def late(self, policy: str) -> NDArray[np.float64]:
        """Return the late minutes of each evening under a policy."""
        return self.measures[policy]["late minutes"]


def play(
    scenario: Scenario, *, evenings: int, seed: int, on_evening: Callable[[int], None] = lambda done: None
) -> Played:
    """Play a number of evenings under all policies, and call `on_evening` with the number of evenings done.

    Evening n of a seed is the same under each policy and however many evenings are played. Raises DataError if the
    predictions lack a vehicle of the fleet.
    """
    rows: dict[str, list[dict[str, float]]] = {policy.name: [] for policy in POLICIES}
    for number in range(evenings):
        # A seed per evening, so that an evening does not depend on how many were drawn before it.
        script = draw(scenario.evening, scenario.predictions, scenario.rules, (seed, number))
        for policy in POLICIES:
            result = Depot(script, policy, scenario.rules, scenario.evening).run()
            rows[policy.name].append(measure(result, script, scenario.evening))
        on_evening(number + 1)
    return Played(seed, {name: _columns(evenings_of_policy) for name, evenings_of_policy in rows.items()})


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def measure(outcome: EveningResult, script: Script, evening: Evening) -> dict[str, float]:
    """Return the measures of one evening by name.

    `in use` is the share of the fleet's time until closing that it spends away from the depot.
    """
    orders = len(script.orders)
    return {
        "late minutes": outcome.late,
        "late minutes an order": outcome.late / max(orders, 1),
        "latest order": outcome.latest,
        "kilometres": outcome.kilometres,
        "wrong-vehicle trips": outcome.wrong_vehicle_trips,
        "waiting minutes a ride": outcome.waiting / max(outcome.rides, 1),
        "reviewed": outcome.reviewed,
        "refused": outcome.refused,
        "undelivered": orders - len(outcome.delivered_at),
        "in use": outcome.busy / (len(script.drivers) * evening.closing),
        "orders": orders,
    }


def estimates(played: Played) -> dict[str, dict[str, Estimate]]:
    """Return policy -> measure -> its mean per evening."""
    chosen = _resampled(played)
    return {
        policy: {name: _mean(values, chosen) for name, values in measures.items()}
        for policy, measures in played.measures.items()
    }


def saved(played: Played) -> dict[str, Estimate]:
    """Return policy -> the mean number of late minutes per evening that it has more than ours, over paired evenings."""
    chosen = _resampled(played)
    ours = played.late(OURS.name)
    return {name: _mean(played.late(name) - ours, chosen) for name in played.measures if name != OURS.name}


def to_oracle(played: Played) -> Estimate | None:
    """Return the ratio of our late minutes to the oracle's, or None if the oracle is never late."""
    ours = played.late(OURS.name)
    oracle = played.late(ORACLE.name)
    if not oracle.any():
        return None
    chosen = _resampled(played)
    ours_sums = ours[chosen].sum(1)
    oracle_sums = oracle[chosen].sum(1)
    # A resample in which the oracle is never late has no ratio.
    is_late = oracle_sums > 0
    return _estimate(ours.sum() / oracle.sum(), ours_sums[is_late] / oracle_sums[is_late])


def busier(evening: Evening, times: float) -> Evening:
    """Return an evening with `times` as many orders per hour."""
    return replace(
        evening,
        orders_an_hour=evening.orders_an_hour * times,
        rush_orders_an_hour=evening.rush_orders_an_hour * times,
    )


def _resampled(played: Played) -> NDArray[np.int64]:
    """Return the evenings of each resample, [resamples, evenings]: percentile bootstrap (Efron 1979)."""
    evenings = len(played.late(OURS.name))
    return np.random.default_rng(played.seed).integers(evenings, size=(_RESAMPLES, evenings))


def _mean(values: NDArray[np.float64], chosen: NDArray[np.int64]) -> Estimate:
    return _estimate(values.mean(), values[chosen].mean(1))


def _estimate(value: NDArray[np.float64] | np.floating, resampled: NDArray[np.float64]) -> Estimate:
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high))
