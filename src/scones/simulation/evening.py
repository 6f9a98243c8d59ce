"""The evening itself: its numbers, and what happens in it whatever the policy decides.

All chance is drawn here, before any policy is asked, so that every policy meets the same orders, the same traffic and
the same pictures (common random numbers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from scones.contract.release import Evaluation, Prediction
from scones.dispatch_rule import Order, Rules
from scones.errors import DataError

OPENING = datetime(2026, 5, 1, 17, tzinfo=UTC)
# More pictures of one driver than an evening can hold.
_PICTURES = 200


@dataclass(frozen=True)
class Evening:
    """The numbers of an evening; times are in minutes, since 17:00 where they are points in time.

    Orders come as a Poisson process with a rush hour and a half. Their distances are gamma-distributed up to the
    farthest range: seven of ten are within a bicycle's. A ride takes what the rules' speed says, times the order's
    own lognormal traffic. `fleet` counts vehicles, which come back until all is delivered, but not after `end`.
    A person looks at one picture at a time; a driver who is refused rides up to the camera again.
    """

    closing: float = 240
    end: float = 480
    orders_an_hour: float = 18
    rush: tuple[float, float] = (75, 165)
    rush_orders_an_hour: float = 34
    distance_shape: float = 2
    distance_mean_km: float = 3.4
    promise: float = 45
    fleet: Mapping[str, int] = field(default_factory=lambda: {"bicycle": 7, "motorcycle": 5})
    fleet_arrives_within: float = 20
    loading: float = 2
    handover: float = 3
    traffic: float = 0.15
    review: float = 2
    refusal: float = 5

    def expected_orders(self) -> float:
        begin, until = self.rush
        extra = (until - begin) * (self.rush_orders_an_hour - self.orders_an_hour)
        return (self.closing * self.orders_an_hour + extra) / 60


@dataclass(frozen=True)
class Picture:
    """What the model said of one picture of a vehicle, as the evaluation recorded it; `accepted` by its gate."""

    probabilities: Mapping[str, float]
    accepted: bool


@dataclass(frozen=True)
class Placed:
    """An order, the minute in which it comes in, and the traffic on its way: a factor of the time."""

    order: Order
    minute: float
    traffic: float


@dataclass(frozen=True)
class Driver:
    """Rides one vehicle all evening; the pictures are of arrival after arrival, beginning anew after the last."""

    vehicle: str
    first_arrival: float
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Script:
    orders: Sequence[Placed]
    drivers: Sequence[Driver]


def pictures(evaluation: Evaluation) -> dict[str, list[Picture]]:
    """The model's answers to the test images, by their true class. Raises DataError where the gate's are not there."""
    found: dict[str, list[Picture]] = {name: [] for name in evaluation["classes"]}
    for one in evaluation["predictions"]:
        found[one["truth"]].append(_picture(evaluation["classes"], one))
    return found


def draw(evening: Evening, answers: Mapping[str, Sequence[Picture]], rules: Rules, seed: Sequence[int]) -> Script:
    """Draw an evening. An arrival of a vehicle gets one of the `answers` to its class, each as likely.

    Raises DataError for a vehicle of the fleet of which the evaluation had no images.
    """
    if missing := sorted(name for name in evening.fleet if not answers.get(name) or name not in rules.vehicles):
        raise DataError(f"no {', '.join(missing)} in the evaluation or in scones.toml; the simulated depot has some")
    chance = np.random.default_rng(seed)
    farthest = max(rules.vehicles[name].range_km for name in evening.fleet)
    orders = _orders(evening, farthest, chance)
    vehicles = [name for name, count in evening.fleet.items() for _ in range(count)]
    first = chance.uniform(0, evening.fleet_arrives_within, len(vehicles)).tolist()
    return Script(orders, [_driver(*pair, answers, chance) for pair in zip(vehicles, first, strict=True)])


def sample_orders(rules: Rules, seed: int, opening: datetime) -> list[Order]:
    """The orders of one evening that opens at `opening`, by the minute in which they come in; the ids bear its day."""
    farthest = max(vehicle.range_km for vehicle in rules.vehicles.values())
    placed = _orders(Evening(), farthest, np.random.default_rng(seed))
    return [
        Order(f"{opening:%m%d-%H%M}-{n:03}", each.order.distance_km, each.order.promised_at - OPENING + opening)
        for n, each in enumerate(placed)
    ]


def _orders(evening: Evening, farthest: float, chance: np.random.Generator) -> list[Placed]:
    minutes = _order_minutes(evening, chance)
    distances = _distances(evening, farthest, len(minutes), chance)
    traffic = chance.lognormal(0, evening.traffic, len(minutes))
    return [
        Placed(Order(f"order-{n:03}", km, OPENING + timedelta(minutes=minute + evening.promise)), minute, factor)
        for n, (km, minute, factor) in enumerate(
            zip(distances.tolist(), minutes.tolist(), traffic.tolist(), strict=True)
        )
    ]


def _driver(
    vehicle: str, first: float, answers: Mapping[str, Sequence[Picture]], chance: np.random.Generator
) -> Driver:
    picks = chance.integers(len(answers[vehicle]), size=_PICTURES)
    return Driver(vehicle, first, [answers[vehicle][pick] for pick in picks])


def _order_minutes(evening: Evening, chance: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The times of a Poisson process whose rate is constant before, in and after the rush."""
    begin, until = evening.rush
    spans = (
        (0.0, begin, evening.orders_an_hour),
        (begin, until, evening.rush_orders_an_hour),
        (until, evening.closing, evening.orders_an_hour),
    )
    times = [chance.uniform(start, stop, chance.poisson((stop - start) * rate / 60)) for start, stop, rate in spans]
    return np.sort(np.concatenate(times))


def _distances(
    evening: Evening, farthest: float, count: int, chance: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Gamma-distributed, drawn again where they are beyond `farthest`."""
    scale = evening.distance_mean_km / evening.distance_shape
    found = chance.gamma(evening.distance_shape, scale, count)
    while (beyond := found > farthest).any():
        found[beyond] = chance.gamma(evening.distance_shape, scale, int(beyond.sum()))
    return found


def _picture(classes: Sequence[str], one: Prediction) -> Picture:
    if "decision" not in one:
        raise DataError("the evaluation does not say what the gate decided; release, or evaluate, again")
    return Picture(dict(zip(classes, one["probabilities"], strict=True)), one["decision"] == "accept")
