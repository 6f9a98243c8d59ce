"""The depot, as SimPy processes: orders come in, drivers arrive, wait, ride and come back; one run, one policy."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import Any

import simpy

from scones.dispatch_rule import Rules, in_doubt
from scones.simulation.evening import OPENING, Driver, Evening, Picture, Placed, Script
from scones.simulation.policies import Belief, Policy, Unsure

Process = Generator[simpy.Event, Any, Any]


@dataclass
class Outcome:
    """What an evening came to; minutes and kilometres are sums. `delivered_at` is order id -> minute of the evening.

    `waiting` is the drivers' time at the gate before rides, `busy` their time away from it before closing.
    """

    delivered_at: dict[str, float]
    late: float = 0
    latest: float = 0
    kilometres: float = 0
    wrong_vehicle_trips: int = 0
    waiting: float = 0
    rides: int = 0
    busy: float = 0
    reviewed: int = 0
    refused: int = 0


class Depot:
    def __init__(self, script: Script, policy: Policy, rules: Rules, evening: Evening) -> None:
        self._script, self._policy, self._rules, self._evening = script, policy, rules, evening
        self._env = simpy.Environment()
        self._person = simpy.Resource(self._env)
        self._all_delivered = self._env.event()
        self._open: dict[str, Placed] = {}
        self._line: list[tuple[Belief, simpy.Event]] = []
        self.outcome = Outcome({})

    def run(self) -> Outcome:
        """Play the evening until every order is delivered, or to its end; what is open then is late until then."""
        if self._script.orders:
            self._env.process(self._orders())
            for driver in self._script.drivers:
                self._env.process(self._driver(driver))
            self._env.run(until=self._all_delivered | self._env.timeout(self._evening.end))
        late = [self._late(placed) for placed in self._script.orders]
        self.outcome.late, self.outcome.latest = sum(late), max(late, default=0.0)
        return self.outcome

    def _orders(self) -> Process:
        for placed in self._script.orders:
            yield self._env.timeout(placed.minute - self._env.now)
            self._offer(placed)

    def _offer(self, placed: Placed) -> None:
        """Open an order, and give it to the first driver in line whom it suits."""
        self._open[placed.order.order_id] = placed
        for belief, called in self._line:
            if taken := self._take(belief):
                self._line.remove((belief, called))
                called.succeed(taken)
                return

    def _take(self, belief: Belief) -> Placed | None:
        now = OPENING + timedelta(minutes=self._env.now)
        chosen = self._policy.take(belief, [placed.order for placed in self._open.values()], self._rules, now)
        return self._open.pop(chosen.order_id) if chosen else None

    def _driver(self, driver: Driver) -> Process:
        pictures = cycle(driver.pictures)
        yield self._env.timeout(driver.first_arrival)
        while True:
            arrived = self._env.now
            belief = yield from self._gate(driver, pictures)
            placed = self._take(belief)
            if placed is None and in_doubt(belief, self._rules):
                belief = yield from self._review(driver)
                placed = self._take(belief)
            if placed is None:
                called = self._env.event()
                self._line.append((belief, called))
                placed = yield called
            self.outcome.waiting += self._env.now - arrived
            yield from self._ride(driver, placed)

    def _gate(self, driver: Driver, pictures: cycle[Picture]) -> Generator[simpy.Event, Any, Belief]:
        """Picture after picture, until something is believed of the vehicle."""
        while True:
            seen = {driver.vehicle: 1.0} if self._policy.knows else self._policy.look(next(pictures))
            if seen is Unsure.REFUSED:
                self.outcome.refused += 1
                yield self._env.timeout(self._evening.refusal)
            elif seen is Unsure.REVIEWED:
                return (yield from self._review(driver))
            else:
                return seen

    def _review(self, driver: Driver) -> Generator[simpy.Event, Any, Belief]:
        self.outcome.reviewed += 1
        with self._person.request() as free:
            yield free
            yield self._env.timeout(self._evening.review)
        return {driver.vehicle: 1.0}

    def _ride(self, driver: Driver, placed: Placed) -> Process:
        """There and back; beyond its range a vehicle turns round, and the order is open again when it is back."""
        evening, vehicle, left = self._evening, self._rules.vehicles[driver.vehicle], self._env.now
        reached = placed.order.distance_km <= vehicle.range_km
        distance = min(placed.order.distance_km, vehicle.range_km)
        way = vehicle.minutes(distance) * placed.traffic
        self.outcome.rides += 1
        self.outcome.kilometres += 2 * distance
        self.outcome.wrong_vehicle_trips += not reached
        there = evening.loading + way + (evening.handover if reached else 0)
        self.outcome.busy += max(min(left + there + way, evening.closing) - left, 0)
        yield self._env.timeout(there)
        if reached:
            self._deliver(placed)
        yield self._env.timeout(way)
        if not reached:
            self._offer(placed)

    def _deliver(self, placed: Placed) -> None:
        self.outcome.delivered_at[placed.order.order_id] = self._env.now
        if len(self.outcome.delivered_at) == len(self._script.orders):
            self._all_delivered.succeed()

    def _late(self, placed: Placed) -> float:
        promised = (placed.order.promised_at - OPENING).total_seconds() / 60
        return max(self.outcome.delivered_at.get(placed.order.order_id, self._evening.end) - promised, 0)
