"""The parameters of an evening, and everything in it that is random.

All random numbers are drawn here, before any policy is asked, so that every policy meets the same orders, the same
traffic and the same images (common random numbers).
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
# More images of one driver than an evening can hold.
_IMAGES_PER_DRIVER = 200


@dataclass(frozen=True)
class Evening:
    """The parameters of an evening. Durations are in minutes, points in time in minutes since 17:00.

    Orders arrive as a Poisson process with a rush of an hour and a half. Their distances have a gamma distribution,
    truncated at the longest range: seven of ten are within a bicycle's. A ride takes the time of the rules' speed,
    multiplied by the order's lognormal `traffic`. `fleet` counts vehicles; they return until everything is delivered,
    but not after `end`. A reviewer looks at one image at a time; a refused driver goes back to the camera.
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
        """Return the expected number of orders in an evening."""
        begin, until = self.rush
        extra = (until - begin) * (self.rush_orders_an_hour - self.orders_an_hour)
        return (self.closing * self.orders_an_hour + extra) / 60


@dataclass(frozen=True)
class ImagePrediction:
    """The model's prediction for one image of a vehicle, as the evaluation recorded it, and whether it is accepted."""

    probabilities: Mapping[str, float]
    accepted: bool


@dataclass(frozen=True)
class SimulatedOrder:
    """An order, the minute in which it is placed, and the traffic on its way: a factor of the driving time."""

    order: Order
    minute: float
    traffic: float


@dataclass(frozen=True)
class Driver:
    """A driver with one vehicle for the whole evening; `predictions` are of one arrival after the other, in a cycle."""

    vehicle: str
    first_arrival: float
    predictions: Sequence[ImagePrediction]


@dataclass(frozen=True)
class Script:
    """The random part of one evening: its orders in the order of time, and its drivers."""

    orders: Sequence[SimulatedOrder]
    drivers: Sequence[Driver]


def image_predictions(evaluation: Evaluation) -> dict[str, list[ImagePrediction]]:
    """Return the predictions for the test images, by true class.

    Raises DataError if the evaluation does not say which predictions are accepted.
    """
    by_class: dict[str, list[ImagePrediction]] = {name: [] for name in evaluation["classes"]}
    for prediction in evaluation["predictions"]:
        by_class[prediction["truth"]].append(_image_prediction(evaluation["classes"], prediction))
    return by_class


def draw(
    evening: Evening, predictions: Mapping[str, Sequence[ImagePrediction]], rules: Rules, seed: Sequence[int]
) -> Script:
    """Draw an evening. Each arrival of a vehicle gets one of the `predictions` of its class, with equal probability.

    Raises DataError if the evaluation has no images of a vehicle of the fleet, or the rules do not know it.
    """
    if missing := sorted(name for name in evening.fleet if not predictions.get(name) or name not in rules.vehicles):
        raise DataError(f"no {', '.join(missing)} in the evaluation or in scones.toml; the simulated depot has some")
    rng = np.random.default_rng(seed)
    longest_range = max(rules.vehicles[name].range_km for name in evening.fleet)
    # The order of these draws is part of the result: another order gives other evenings for the same seed.
    orders = _orders(evening, longest_range, rng)
    vehicles = [name for name, count in evening.fleet.items() for _ in range(count)]
    arrivals = rng.uniform(0, evening.fleet_arrives_within, len(vehicles)).tolist()
    drivers = [
        _driver(vehicle, arrival, predictions[vehicle], rng)
        for vehicle, arrival in zip(vehicles, arrivals, strict=True)
    ]
    return Script(orders, drivers)


def sample_orders(rules: Rules, seed: int, opening: datetime) -> list[Order]:
    """Return the orders of an evening that starts at `opening`, by the time at which they are placed.

    The order IDs contain its day and time, so that the orders of two evenings differ.
    """
    longest_range = max(vehicle.range_km for vehicle in rules.vehicles.values())
    orders = _orders(Evening(), longest_range, np.random.default_rng(seed))
    return [
        Order(
            f"{opening:%m%d-%H%M}-{n:03}",
            simulated.order.distance_km,
            simulated.order.promised_at - OPENING + opening,
        )
        for n, simulated in enumerate(orders)
    ]


def _orders(evening: Evening, longest_range: float, rng: np.random.Generator) -> list[SimulatedOrder]:
    minutes = _order_minutes(evening, rng)
    distances = _distances(evening, longest_range, len(minutes), rng)
    traffic = rng.lognormal(0, evening.traffic, len(minutes))
    rows = zip(distances.tolist(), minutes.tolist(), traffic.tolist(), strict=True)
    orders = []
    for n, (distance_km, minute, factor) in enumerate(rows):
        promised_at = OPENING + timedelta(minutes=minute + evening.promise)
        orders.append(SimulatedOrder(Order(f"order-{n:03}", distance_km, promised_at), minute, factor))
    return orders


def _driver(vehicle: str, arrival: float, predictions: Sequence[ImagePrediction], rng: np.random.Generator) -> Driver:
    picks = rng.integers(len(predictions), size=_IMAGES_PER_DRIVER)
    return Driver(vehicle, arrival, [predictions[pick] for pick in picks])


def _order_minutes(evening: Evening, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the times of a Poisson process whose rate is constant before, in and after the rush."""
    begin, until = evening.rush
    spans = (
        (0.0, begin, evening.orders_an_hour),
        (begin, until, evening.rush_orders_an_hour),
        (until, evening.closing, evening.orders_an_hour),
    )
    # Given their number, the times of a Poisson process are independent and uniform.
    times = [rng.uniform(start, stop, rng.poisson((stop - start) * rate / 60)) for start, stop, rate in spans]
    return np.sort(np.concatenate(times))


def _distances(
    evening: Evening, longest_range: float, count: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return distances in km with a gamma distribution truncated at `longest_range`, by rejection."""
    scale = evening.distance_mean_km / evening.distance_shape
    distances = rng.gamma(evening.distance_shape, scale, count)
    while (beyond := distances > longest_range).any():
        distances[beyond] = rng.gamma(evening.distance_shape, scale, int(beyond.sum()))
    return distances


def _image_prediction(classes: Sequence[str], prediction: Prediction) -> ImagePrediction:
    if "decision" not in prediction:
        raise DataError("the evaluation does not say which predictions are accepted; run `scones evaluate` again")
    probabilities = dict(zip(classes, prediction["probabilities"], strict=True))
    return ImagePrediction(probabilities, prediction["decision"] == "accept")
