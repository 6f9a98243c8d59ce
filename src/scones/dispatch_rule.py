"""Dispatch: which of the open orders a driver gets, from what the picture says of the vehicle. Pure.

Runs in Lambda and in the simulation; reads no clock and no table, and gives away nothing: it only chooses.

Let one vehicle stand at the gate now, and let an order that it does not get wait h more: the headway, not of the next
vehicle, which takes another order, but of the next that has time for this one. If order o goes now, the plan's lateness
is late(o, now) plus the sum over the others of late(j, now + h); that is a sum over all, the same for every choice,
plus late(o, now) - late(o, now + h). So what counts of an order's own lateness is what going now saves: nothing while
there is slack of h, and h once it is overdue, with a straight line between. To count late(o, now) itself would be
wrong: it would leave for last what is late already. The same straight line is the urgency of the COVERT rule, beside
its exponential cousin, apparent tardiness cost (Vepsalainen & Morton 1987, "Priority Rules for Job Shops with Weighted
Tardiness Costs", Management Science 33).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from scones.errors import DispatchRulesError, PredictionError

_ROUNDING = 0.01


@dataclass(frozen=True)
class Order:
    """An open order: how far from the depot, one way, and by when it was promised, with a time zone."""

    order_id: str
    distance_km: float
    promised_at: datetime


@dataclass(frozen=True)
class Vehicle:
    """`range_km` is the distance of the farthest order that it can be sent to; `bay` is where it is loaded."""

    speed_kmh: float
    range_km: float
    bay: str

    def __post_init__(self) -> None:
        _require_numbers(self, above_zero=("speed_kmh", "range_km"))
        if not isinstance(self.bay, str) or not self.bay:
            raise DispatchRulesError(f"dispatch: bay is {self.bay!r}, not a name; look at [dispatch] in scones.toml")

    def minutes(self, distance_km: float) -> float:
        return distance_km / self.speed_kmh * 60


def _vehicles() -> Mapping[str, Vehicle]:
    return {"bicycle": Vehicle(15, 4, "bicycle bay"), "motorcycle": Vehicle(30, 12, "motorcycle bay")}


@dataclass(frozen=True)
class Rules:
    """What choices cost, in minutes of driving; `scones.toml` says what each rule means. Raises DispatchRulesError."""

    headway_minutes: float = 30
    late_weight: float = 5
    out_of_range_minutes: float = 30
    near_order_minutes: float = 45
    most_out_of_range: float = 0.05
    vehicles: Mapping[str, Vehicle] = field(default_factory=_vehicles)

    def __post_init__(self) -> None:
        prices = ("late_weight", "out_of_range_minutes", "near_order_minutes", "most_out_of_range")
        _require_numbers(self, above_zero=("headway_minutes",), or_zero=prices)
        if self.most_out_of_range >= 1:
            raise DispatchRulesError(
                "dispatch: most_out_of_range is a share below 1; look at [dispatch] in scones.toml"
            )
        if not self.vehicles:
            raise DispatchRulesError("dispatch: there is no vehicle; add [dispatch.vehicles.<class>] to scones.toml")

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Rules:
        """Read what `to_json` wrote. Raises DispatchRulesError saying what is wrong."""
        try:
            read = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DispatchRulesError(f"dispatch: the rules are not JSON ({error}); deploy again") from error
        rules = _keywords(cls, read, "the rules")
        vehicles = rules["vehicles"]
        if not isinstance(vehicles, dict):
            raise DispatchRulesError("dispatch: vehicles is no table of classes; deploy again")
        return cls(
            **rules | {"vehicles": {name: Vehicle(**_keywords(Vehicle, vehicles[name], name)) for name in vehicles}}
        )


@dataclass(frozen=True)
class Choice:
    """The order for a driver; `vehicle` is what the picture most likely shows, and `bay` is that vehicle's."""

    order: Order
    vehicle: str
    bay: str
    expected_cost_minutes: float


def choose(probabilities: Mapping[str, float], orders: Sequence[Order], rules: Rules, now: datetime) -> Choice | None:
    """Return the suitable order of least expected cost over `probabilities` (class -> share), or None without one.

    An order is suitable where the chance that it is beyond the vehicle's range is at most `most_out_of_range`. Of equal
    ones the first promised goes, then the first id. Raises DispatchRulesError for a class that has no vehicle, and
    PredictionError if `probabilities` is not a distribution.
    """
    _require_probabilities(probabilities, rules)
    costs = [
        (expected_cost(probabilities, order, rules, now), order)
        for order in orders
        if _out_of_range(probabilities, order, rules) <= rules.most_out_of_range
    ]
    if not costs:
        return None
    least, best = min(costs, key=lambda pair: (pair[0], pair[1].promised_at, pair[1].order_id))
    vehicle = max(sorted(probabilities), key=lambda name: probabilities[name])
    return Choice(best, vehicle, rules.vehicles[vehicle].bay, least)


def in_doubt(probabilities: Mapping[str, float], rules: Rules) -> bool:
    """Whether a driver who got no order should be looked at by a person: it may be the doubt alone that none suits."""
    return max(probabilities.values()) < 1 - rules.most_out_of_range


def expected_cost(probabilities: Mapping[str, float], order: Order, rules: Rules, now: datetime) -> float:
    """Minutes, up to a constant that is the same for every order."""
    return math.fsum(share * cost(name, order, rules, now) for name, share in probabilities.items())


def cost(name: str, order: Order, rules: Rules, now: datetime) -> float:
    """What it costs in minutes, up to a constant, if a vehicle of the class `name` gets the order `now`.

    It drives there and back. One that cannot reach the place turns round at the end of its range: nothing is saved, and
    the order is held up until it is back.
    """
    vehicle, nearest = rules.vehicles[name], min(vehicle.range_km for vehicle in rules.vehicles.values())
    if order.distance_km > vehicle.range_km:
        away = 2 * vehicle.minutes(vehicle.range_km)
        return away + rules.late_weight * away + rules.out_of_range_minutes
    wasted = rules.near_order_minutes if order.distance_km <= nearest < vehicle.range_km else 0
    drive = vehicle.minutes(order.distance_km)
    slack = (order.promised_at - now).total_seconds() / 60 - drive
    saved = min(max(rules.headway_minutes - slack, 0), rules.headway_minutes)
    return 2 * drive + wasted - rules.late_weight * saved


def _out_of_range(probabilities: Mapping[str, float], order: Order, rules: Rules) -> float:
    return math.fsum(p for name, p in probabilities.items() if order.distance_km > rules.vehicles[name].range_km)


def _require_probabilities(probabilities: Mapping[str, float], rules: Rules) -> None:
    if unknown := sorted(set(probabilities) - set(rules.vehicles)):
        raise DispatchRulesError(
            f"dispatch: no vehicle for {', '.join(unknown)}; add [dispatch.vehicles.{unknown[0]}] to scones.toml"
        )
    shares = probabilities.values()
    if not all(0 <= share <= 1 + _ROUNDING for share in shares) or abs(math.fsum(shares) - 1) > _ROUNDING:
        raise PredictionError(f"not probabilities: {dict(probabilities)}; run Classify before Dispatch")


def _require_numbers(holder: Any, *, above_zero: Sequence[str], or_zero: Sequence[str] = ()) -> None:
    for name in (*above_zero, *or_zero):
        value = getattr(holder, name)
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (value == 0 and name in above_zero):
            bound = "above 0" if name in above_zero else "of at least 0"
            raise DispatchRulesError(
                f"dispatch: {name} is {value!r}, not a number {bound}; look at [dispatch] in scones.toml"
            )


def _keywords(kind: type, read: object, what: str) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    if not isinstance(read, dict) or set(read) != names:
        raise DispatchRulesError(
            f"dispatch: {what} must have {', '.join(sorted(names))} and nothing else; deploy again"
        )
    return read
