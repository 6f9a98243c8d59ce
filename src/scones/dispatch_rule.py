"""The dispatch rule: which open order a driver gets, given the probabilities of the driver's vehicle.

Pure: it reads no clock and no table, and assigns nothing. Used by the Dispatch function and by the simulation.

The rule minimises a cost in minutes. Let one vehicle be at the depot now, and let an order that it does not get wait
for the headway h: the time until the next vehicle that is free for this order, rather than the next vehicle of all.
If order o goes now, the total lateness is late(o, now) plus the sum of late(j, now + h) over the other orders j. That
equals late(o, now) - late(o, now + h) plus the sum over all orders, which is the same for every choice. The lateness
term of an order is therefore what going now saves: 0 if its slack is at least h, h if it is overdue, linear between.
The plain lateness late(o, now) would be the wrong term, because it would put off the orders that are already late.
The same linear term is the urgency of the COVERT rule; apparent tardiness cost is its exponential counterpart
(Vepsalainen & Morton 1987, "Priority Rules for Job Shops with Weighted Tardiness Costs", Management Science 33).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from scones.errors import DispatchRulesError, PredictionError

# Probabilities reach this module rounded, as JSON.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Order:
    """An open order: its distance from the depot, one way, and the promised time with a time zone."""

    order_id: str
    distance_km: float
    promised_at: datetime


@dataclass(frozen=True)
class Vehicle:
    """One class of vehicle. `range_km` is the distance of the farthest order it can reach; it is loaded at `bay`.

    Raises DispatchRulesError if a value is invalid.
    """

    speed_kmh: float
    range_km: float
    bay: str

    def __post_init__(self) -> None:
        _require_numbers(self, positive=("speed_kmh", "range_km"))
        if not isinstance(self.bay, str) or not self.bay:
            raise DispatchRulesError(f"dispatch: bay is {self.bay!r}, not a name; look at [dispatch] in scones.toml")

    def minutes(self, distance_km: float) -> float:
        """Return the minutes that the vehicle takes for a distance."""
        return distance_km / self.speed_kmh * 60


def _default_vehicles() -> Mapping[str, Vehicle]:
    return {"bicycle": Vehicle(15, 4, "bicycle bay"), "motorcycle": Vehicle(30, 12, "motorcycle bay")}


@dataclass(frozen=True)
class Rules:
    """The parameters of the cost, in minutes of driving unless `scones.toml`, which explains each, says otherwise.

    `vehicles` maps each class of the model to its vehicle. Raises DispatchRulesError if a value is invalid.
    """

    headway_minutes: float = 30
    late_weight: float = 5
    out_of_range_minutes: float = 30
    near_order_minutes: float = 45
    most_out_of_range: float = 0.05
    vehicles: Mapping[str, Vehicle] = field(default_factory=_default_vehicles)

    def __post_init__(self) -> None:
        not_negative = ("late_weight", "out_of_range_minutes", "near_order_minutes", "most_out_of_range")
        # With a headway of 0, no order would ever be urgent.
        _require_numbers(self, positive=("headway_minutes",), not_negative=not_negative)
        if self.most_out_of_range >= 1:
            raise DispatchRulesError("dispatch: most_out_of_range must be below 1; look at [dispatch] in scones.toml")
        if not self.vehicles:
            raise DispatchRulesError("dispatch: vehicles is empty; add [dispatch.vehicles.<class>] to scones.toml")

    def to_json(self) -> str:
        """Return the rules as JSON, for the environment of the Dispatch function."""
        # Each number as a float: 15 and 15.0 are equal, and must not be a change of the deployed functions.
        numbers_as_floats = json.loads(json.dumps(asdict(self)), parse_int=float)
        return json.dumps(numbers_as_floats, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Rules:
        """Read the output of `to_json`. Raises DispatchRulesError if it is invalid."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DispatchRulesError(f"dispatch: the rules are not JSON ({error}); deploy again") from error
        rules = _keywords(cls, document, "the rules")
        if not isinstance(rules["vehicles"], dict):
            raise DispatchRulesError("dispatch: vehicles is not a table of classes; deploy again")
        vehicles = {name: Vehicle(**_keywords(Vehicle, vehicle, name)) for name, vehicle in rules["vehicles"].items()}
        return cls(**{**rules, "vehicles": vehicles})


@dataclass(frozen=True)
class Choice:
    """The order for a driver. `vehicle` is the most probable class, and `bay` is where that vehicle is loaded."""

    order: Order
    vehicle: str
    bay: str
    expected_cost_minutes: float


def choose(probabilities: Mapping[str, float], orders: Sequence[Order], rules: Rules, now: datetime) -> Choice | None:
    """Return the suitable order of the lowest expected cost, or None if no order is suitable.

    `probabilities` maps the model's classes to their probabilities. An order is suitable if the probability that it is
    beyond the vehicle's range is at most `most_out_of_range`. Ties go to the order promised first, then to the first
    ID. Raises DispatchRulesError if a class has no vehicle, and PredictionError if `probabilities` is not a
    distribution.
    """
    _require_distribution(probabilities, rules)
    suitable = [
        order for order in orders if _out_of_range_probability(probabilities, order, rules) <= rules.most_out_of_range
    ]
    if not suitable:
        return None
    costs = [(expected_cost(probabilities, order, rules, now), order) for order in suitable]
    lowest, best = min(costs, key=lambda pair: (pair[0], pair[1].promised_at, pair[1].order_id))
    # Sorted, so that a tie of two classes does not depend on the order of the mapping.
    vehicle = max(sorted(probabilities), key=lambda name: probabilities[name])
    return Choice(best, vehicle, rules.vehicles[vehicle].bay, lowest)


def in_doubt(probabilities: Mapping[str, float], rules: Rules) -> bool:
    """Return whether a driver without a suitable order needs a review.

    If no class is probable enough to be sent beyond the range of the others, it may be the doubt alone that makes every
    order unsuitable.
    """
    return max(probabilities.values()) < 1 - rules.most_out_of_range


def expected_cost(probabilities: Mapping[str, float], order: Order, rules: Rules, now: datetime) -> float:
    """Return the mean of `cost` over the classes, in minutes."""
    return math.fsum(share * cost(name, order, rules, now) for name, share in probabilities.items())


def cost(class_name: str, order: Order, rules: Rules, now: datetime) -> float:
    """Return the cost, in minutes, of giving `order` to a vehicle of a class now.

    It is relative: a constant that is the same for all orders is left out, so that it may be negative. See the module
    for its derivation.
    """
    vehicle = rules.vehicles[class_name]
    if order.distance_km > vehicle.range_km:
        # The driver turns round at the end of the range: nothing is saved, and the order is held up until then.
        wasted = 2 * vehicle.minutes(vehicle.range_km)
        return wasted + rules.late_weight * wasted + rules.out_of_range_minutes
    shortest_range = min(vehicle.range_km for vehicle in rules.vehicles.values())
    is_wasted_on = order.distance_km <= shortest_range < vehicle.range_km
    drive = vehicle.minutes(order.distance_km)
    slack = (order.promised_at - now).total_seconds() / 60 - drive
    saved = min(max(rules.headway_minutes - slack, 0), rules.headway_minutes)
    return 2 * drive + (rules.near_order_minutes if is_wasted_on else 0) - rules.late_weight * saved


def _out_of_range_probability(probabilities: Mapping[str, float], order: Order, rules: Rules) -> float:
    return math.fsum(p for name, p in probabilities.items() if order.distance_km > rules.vehicles[name].range_km)


def _require_distribution(probabilities: Mapping[str, float], rules: Rules) -> None:
    if unknown := sorted(set(probabilities) - set(rules.vehicles)):
        raise DispatchRulesError(
            f"dispatch: no vehicle for {', '.join(unknown)}; add [dispatch.vehicles.{unknown[0]}] to scones.toml"
        )
    shares = probabilities.values()
    # Each share first: NaN passes no comparison, and the sum of huge values would overflow.
    if not all(0 <= share <= 1 + _TOLERANCE for share in shares) or abs(math.fsum(shares) - 1) > _TOLERANCE:
        raise PredictionError(f"not probabilities: {dict(probabilities)}; run Classify before Dispatch")


def _require_numbers(holder: object, *, positive: Sequence[str], not_negative: Sequence[str] = ()) -> None:
    for name in (*positive, *not_negative):
        value = getattr(holder, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or (value == 0 and name in positive):
            bound = "above 0" if name in positive else "of at least 0"
            raise DispatchRulesError(
                f"dispatch: {name} is {value!r}, not a number {bound}; look at [dispatch] in scones.toml"
            )


def _keywords(kind: type[Rules | Vehicle], document: object, what: str) -> dict[str, Any]:
    """Return a JSON object as the keyword arguments of a class. Raises DispatchRulesError if the names differ."""
    names = {attribute.name for attribute in fields(kind)}
    if not isinstance(document, dict) or set(document) != names:
        raise DispatchRulesError(
            f"dispatch: {what} must have {', '.join(sorted(names))} and nothing else; deploy again"
        )
    return document
