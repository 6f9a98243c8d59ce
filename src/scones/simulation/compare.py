"""The same evenings under every policy, and what the differences are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scones.contract.simulation import Estimate
from scones.dispatch_rule import Rules
from scones.simulation.depot import Depot, Outcome
from scones.simulation.evening import Evening, Picture, Script, draw
from scones.simulation.policies import ORACLE, OURS, POLICIES

_RESAMPLES = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Played:
    """`measures` is policy -> measure -> [evenings]."""

    seed: int
    measures: Mapping[str, Mapping[str, NDArray[np.float64]]]

    def late(self, policy: str) -> NDArray[np.float64]:
        return self.measures[policy]["late minutes"]


def play(
    evening: Evening,
    answers: Mapping[str, Sequence[Picture]],
    rules: Rules,
    *,
    evenings: int,
    seed: int,
    played: Callable[[int], None] = lambda done: None,
) -> Played:
    """Play `evenings` under all policies; evening n is the same for each, whatever else is played."""
    rows: dict[str, list[dict[str, float]]] = {policy.name: [] for policy in POLICIES}
    for number in range(evenings):
        script = draw(evening, answers, rules, (seed, number))
        for policy in POLICIES:
            rows[policy.name].append(measure(Depot(script, policy, rules, evening).run(), script, evening))
        played(number + 1)
    return Played(
        seed,
        {
            name: {measure: np.array([row[measure] for row in mine]) for measure in mine[0]}
            for name, mine in rows.items()
        },
    )


def measure(outcome: Outcome, script: Script, evening: Evening) -> dict[str, float]:
    """An evening in numbers; `in use` is the share of the fleet's time until closing that it was away from the gate."""
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
    """Policy -> measure -> its mean an evening."""
    chosen = _resampled(played)
    return {
        name: {measure: _mean(values, chosen) for measure, values in mine.items()}
        for name, mine in played.measures.items()
    }


def saved(played: Played) -> dict[str, Estimate]:
    """Policy -> how many more late minutes it has than ours, an evening; the evenings are the same for both."""
    chosen, ours = _resampled(played), played.late(OURS.name)
    return {name: _mean(played.late(name) - ours, chosen) for name in played.measures if name != OURS.name}


def to_oracle(played: Played) -> Estimate | None:
    """Our late minutes over the oracle's; None where the oracle is never late."""
    chosen, ours, oracle = _resampled(played), played.late(OURS.name), played.late(ORACLE.name)
    if not oracle.any():
        return None
    resampled = np.column_stack((ours[chosen].sum(1), oracle[chosen].sum(1)))
    ours_again, oracle_again = resampled[resampled[:, 1] > 0].T
    return _estimate(ours.sum() / oracle.sum(), ours_again / oracle_again)


def busier(evening: Evening, times: float) -> Evening:
    return replace(
        evening,
        orders_an_hour=evening.orders_an_hour * times,
        rush_orders_an_hour=evening.rush_orders_an_hour * times,
    )


def _resampled(played: Played) -> NDArray[np.int64]:
    """Which evenings are in each resample: percentile bootstrap (Efron 1979), all policies of an evening together."""
    evenings = len(played.late(OURS.name))
    return np.random.default_rng(played.seed).integers(evenings, size=(_RESAMPLES, evenings))


def _mean(values: NDArray[np.float64], chosen: NDArray[np.int64]) -> Estimate:
    return _estimate(values.mean(), values[chosen].mean(1))


def _estimate(value: NDArray[np.float64] | np.floating, resampled: NDArray[np.float64]) -> Estimate:
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value=float(value), low=float(low), high=float(high))
