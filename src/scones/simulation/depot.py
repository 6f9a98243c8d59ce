"""The depot as SimPy processes: orders are placed; drivers arrive, wait, ride and return. One run plays one policy."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import Any

import simpy

from scones.dispatch_rule import Rules, in_doubt
from scones.simulation.evening import OPENING, Driver, Evening, ImagePrediction, Script, SimulatedOrder
from scones.simulation.policies import Belief, Policy, Unsure

Process = Generator[simpy.Event, Any, Any]


@dataclass
class EveningResult:
    """The sums of one evening, in minutes and kilometres. `delivered_at` maps an order's ID to a minute of the evening.

    `waiting` is the drivers' time at the depot before rides, `busy` their time away from it before closing.
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
    """One evening under one policy; `run` plays it once."""

    def __init__(self, script: Script, policy: Policy, rules: Rules, evening: Evening) -> None:
        self._script = script
        self._policy = policy
        self._rules = rules
        self._evening = evening
        self._env = simpy.Environment()
        # A resource of capacity 1: there is one reviewer.
        self._reviewer = simpy.Resource(self._env)
        self._all_delivered = self._env.event()
        self._open: dict[str, SimulatedOrder] = {}
        self._queue: list[tuple[Belief, simpy.Event]] = []
        self.outcome = EveningResult({})

    def run(self) -> EveningResult:
        """Play the evening until every order is delivered, or to its end, until which open orders count as late."""
        if self._script.orders:
            self._env.process(self._orders())
            for driver in self._script.drivers:
                self._env.process(self._driver(driver))
            self._env.run(until=self._all_delivered | self._env.timeout(self._evening.end))
        late = [self._late(order) for order in self._script.orders]
        self.outcome.late = sum(late)
        self.outcome.latest = max(late, default=0.0)
        return self.outcome

    def _orders(self) -> Process:
        for placed in self._script.orders:
            yield self._env.timeout(placed.minute - self._env.now)
            self._offer(placed)

    def _offer(self, placed: SimulatedOrder) -> None:
        """Open an order, and assign it to the first driver in the queue whom it suits."""
        self._open[placed.order.order_id] = placed
        for belief, called in self._queue:
            if assigned := self._take(belief):
                self._queue.remove((belief, called))
                called.succeed(assigned)
                return

    def _take(self, belief: Belief) -> SimulatedOrder | None:
        now = OPENING + timedelta(minutes=self._env.now)
        chosen = self._policy.take(belief, [placed.order for placed in self._open.values()], self._rules, now)
        return self._open.pop(chosen.order_id) if chosen else None

    def _driver(self, driver: Driver) -> Process:
        predictions = cycle(driver.predictions)
        yield self._env.timeout(driver.first_arrival)
        while True:
            arrived = self._env.now
            belief = yield from self._camera(driver, predictions)
            placed = self._take(belief)
            if placed is None and in_doubt(belief, self._rules):
                belief = yield from self._review(driver)
                placed = self._take(belief)
            if placed is None:
                called = self._env.event()
                self._queue.append((belief, called))
                placed = yield called
            self.outcome.waiting += self._env.now - arrived
            yield from self._ride(driver, placed)

    def _camera(self, driver: Driver, predictions: cycle[ImagePrediction]) -> Generator[simpy.Event, Any, Belief]:
        """Take one image after the other until the policy accepts one or asks the reviewer."""
        while True:
            belief = {driver.vehicle: 1.0} if self._policy.knows_vehicle else self._policy.look(next(predictions))
            if belief is Unsure.REFUSED:
                self.outcome.refused += 1
                yield self._env.timeout(self._evening.refusal)
            elif belief is Unsure.REVIEWED:
                return (yield from self._review(driver))
            else:
                return belief

    def _review(self, driver: Driver) -> Generator[simpy.Event, Any, Belief]:
        self.outcome.reviewed += 1
        with self._reviewer.request() as free:
            yield free
            yield self._env.timeout(self._evening.review)
        # The reviewer is always right.
        return {driver.vehicle: 1.0}

    def _ride(self, driver: Driver, placed: SimulatedOrder) -> Process:
        """Ride there and back. Beyond its range a vehicle turns round, and the order is open again on its return."""
        evening = self._evening
        vehicle = self._rules.vehicles[driver.vehicle]
        left = self._env.now
        reached = placed.order.distance_km <= vehicle.range_km
        distance = min(placed.order.distance_km, vehicle.range_km)
        way = vehicle.minutes(distance) * placed.traffic
        self.outcome.rides += 1
        self.outcome.kilometres += 2 * distance
        self.outcome.wrong_vehicle_trips += not reached
        there = evening.loading + way + (evening.handover if reached else 0)
        # Only the time before closing counts: afterwards nobody is needed.
        self.outcome.busy += max(min(left + there + way, evening.closing) - left, 0)
        yield self._env.timeout(there)
        if reached:
            self._deliver(placed)
        yield self._env.timeout(way)
        if not reached:
            self._offer(placed)

    def _deliver(self, placed: SimulatedOrder) -> None:
        self.outcome.delivered_at[placed.order.order_id] = self._env.now
        if len(self.outcome.delivered_at) == len(self._script.orders):
            self._all_delivered.succeed()

    def _late(self, placed: SimulatedOrder) -> float:
        promised = (placed.order.promised_at - OPENING).total_seconds() / 60
        return max(self.outcome.delivered_at.get(placed.order.order_id, self._evening.end) - promised, 0)
