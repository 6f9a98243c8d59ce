"""Four dispatch policies: what a driver's image is taken for, and which order the driver gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from scones.dispatch_rule import Order, Rules, choose
from scones.simulation.evening import ImagePrediction

# The confidence threshold of the course project.
THRESHOLD = 0.93

Belief = Mapping[str, float]
Take = Callable[[Belief, Sequence[Order], Rules, datetime], Order | None]


class Unsure(Enum):
    """What happens to a driver whose image is not accepted: a reviewer looks at it, or the driver is sent away."""

    REVIEWED = "reviewed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Policy:
    """A policy: `look` turns an image's prediction into probabilities, `take` chooses one of the open orders, or none.

    With `knows_vehicle`, the driver's true class replaces the prediction.
    """

    name: str
    look: Callable[[ImagePrediction], Belief | Unsure]
    take: Take
    knows_vehicle: bool = False


def _accepted_or_reviewed(prediction: ImagePrediction) -> Belief | Unsure:
    return prediction.probabilities if prediction.accepted else Unsure.REVIEWED


def _above_threshold(prediction: ImagePrediction) -> Belief | Unsure:
    return _label(prediction) if max(prediction.probabilities.values()) >= THRESHOLD else Unsure.REFUSED


def _label(prediction: ImagePrediction) -> Belief:
    return {max(prediction.probabilities, key=lambda name: prediction.probabilities[name]): 1.0}


def _lowest_cost(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    choice = choose(belief, orders, rules, now)
    return choice.order if choice else None


def _first_promised(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    return min(orders, key=lambda order: (order.promised_at, order.order_id), default=None)


def _first_promised_of_own_range(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    """Return the order promised first among those that only this vehicle reaches; if none, among all within range."""
    # The threshold leaves a single label.
    (label,) = belief
    own_range = rules.vehicles[label].range_km
    shorter_ranges = (vehicle.range_km for vehicle in rules.vehicles.values() if vehicle.range_km < own_range)
    next_range = max(shorter_ranges, default=0.0)
    within = [order for order in orders if order.distance_km <= own_range]
    own = [order for order in within if order.distance_km > next_range]
    return _first_promised(belief, own or within, rules, now)


OURS = Policy("ours", _accepted_or_reviewed, _lowest_cost)
HARD_THRESHOLD = Policy("hard threshold", _above_threshold, _first_promised_of_own_range)
FIRST_COME = Policy("first come first served", _label, _first_promised)
ORACLE = Policy("oracle", _label, _lowest_cost, knows_vehicle=True)
POLICIES = (FIRST_COME, HARD_THRESHOLD, OURS, ORACLE)
