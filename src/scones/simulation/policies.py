"""Four ways to give orders to drivers: what becomes of a picture, and which order its driver gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from scones.dispatch_rule import Order, Rules, choose
from scones.simulation.evening import Picture

# The course's.
THRESHOLD = 0.93

Belief = Mapping[str, float]
Take = Callable[[Belief, Sequence[Order], Rules, datetime], Order | None]


class Unsure(Enum):
    """What becomes of a driver whose picture does not do: a person looks, or the driver is sent away."""

    REVIEWED = "reviewed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Policy:
    """`look` turns a picture into probabilities; `take` chooses from the open orders, or none of them.

    `knows` lets it have the vehicle's own class in the picture's place.
    """

    name: str
    look: Callable[[Picture], Belief | Unsure]
    take: Take
    knows: bool = False


def _accepted_or_reviewed(picture: Picture) -> Belief | Unsure:
    return picture.probabilities if picture.accepted else Unsure.REVIEWED


def _above_threshold(picture: Picture) -> Belief | Unsure:
    return _label(picture) if max(picture.probabilities.values()) >= THRESHOLD else Unsure.REFUSED


def _label(picture: Picture) -> Belief:
    return {max(picture.probabilities, key=lambda name: picture.probabilities[name]): 1.0}


def _least_cost(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    choice = choose(belief, orders, rules, now)
    return choice.order if choice else None


def _first_promised(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    return min(orders, key=lambda order: (order.promised_at, order.order_id), default=None)


def _first_promised_of_its_kind(belief: Belief, orders: Sequence[Order], rules: Rules, now: datetime) -> Order | None:
    """The first promised of those that no nearer-going vehicle reaches; where there is none, of all within range."""
    (label,) = belief
    reach = rules.vehicles[label].range_km
    nearer = max((v.range_km for v in rules.vehicles.values() if v.range_km < reach), default=0.0)
    within = [order for order in orders if order.distance_km <= reach]
    own = [order for order in within if order.distance_km > nearer]
    return _first_promised(belief, own or within, rules, now)


OURS = Policy("ours", _accepted_or_reviewed, _least_cost)
HARD_THRESHOLD = Policy("hard threshold", _above_threshold, _first_promised_of_its_kind)
FIRST_COME = Policy("first come first served", _label, _first_promised)
ORACLE = Policy("oracle", _label, _least_cost, knows=True)
POLICIES = (FIRST_COME, HARD_THRESHOLD, OURS, ORACLE)
