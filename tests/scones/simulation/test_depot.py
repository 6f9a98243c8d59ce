from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.dispatch_rule import Order, Rules
from scones.simulation.depot import Depot, EveningResult
from scones.simulation.evening import OPENING, Driver, Evening, ImagePrediction, Script, SimulatedOrder, draw
from scones.simulation.policies import FIRST_COME, HARD_THRESHOLD, ORACLE, OURS, POLICIES, Policy

EVENING, RULES = Evening(), Rules()
SURE = {name: ImagePrediction({name: 1.0}, True) for name in ("bicycle", "motorcycle")}
UNSURE = ImagePrediction({"bicycle": 0.5, "motorcycle": 0.5}, False)


def placed(order_id: str, distance_km: float, minute: float = 0, traffic: float = 1) -> SimulatedOrder:
    promised_at = OPENING + timedelta(minutes=minute + EVENING.promise)
    return SimulatedOrder(Order(order_id, distance_km, promised_at), minute, traffic)


def driver(vehicle: str, *predictions: ImagePrediction, first_arrival: float = 1) -> Driver:
    return Driver(vehicle, first_arrival, predictions or (SURE[vehicle],))


def play(policy: Policy, orders: list[SimulatedOrder], *drivers: Driver) -> EveningResult:
    return Depot(Script(orders, drivers), policy, RULES, EVENING).run()


def test_a_delivery_takes_loading_driving_in_traffic_and_handover() -> None:
    outcome = play(OURS, [placed("a", 2, traffic=1.5)], driver("bicycle"))
    # 2 km at 15 km/h are 8 minutes.
    assert outcome.delivered_at == {"a": pytest.approx(1 + 2 + 12 + 3)}
    assert (outcome.late, outcome.kilometres, outcome.rides, outcome.waiting) == (0, 4, 1, 0)


def test_lateness_is_the_time_after_the_promise() -> None:
    outcome = play(OURS, [placed("a", 2), placed("b", 2)], driver("bicycle", first_arrival=30))
    assert sorted(outcome.delivered_at.values()) == pytest.approx([43, 43 + 8 + 13])
    assert outcome.late == outcome.latest == pytest.approx(43 + 8 + 13 - 45)


def test_an_undelivered_order_is_late_until_the_end() -> None:
    outcome = play(OURS, [placed("far", 9)], driver("bicycle"))
    assert outcome.delivered_at == {}
    assert outcome.late == EVENING.end - EVENING.promise


def test_a_wrong_vehicle_turns_round_and_its_order_is_open_again() -> None:
    outcome = play(FIRST_COME, [placed("far", 9)], driver("bicycle"), driver("motorcycle", first_arrival=5))
    # 4 km at 15 km/h there and back, after 2 of loading, then 2 and 18 by motorcycle, and the handover.
    assert outcome.delivered_at == {"far": pytest.approx(1 + 2 + 32 + 2 + 18 + 3)}
    assert (outcome.wrong_vehicle_trips, outcome.rides, outcome.kilometres) == (1, 2, 8 + 18)


def test_a_refused_driver_returns_to_the_camera() -> None:
    outcome = play(HARD_THRESHOLD, [placed("a", 2)], driver("bicycle", UNSURE, UNSURE, SURE["bicycle"]))
    assert outcome.refused == 2
    assert outcome.delivered_at == {"a": pytest.approx(1 + 2 * EVENING.refusal + 13)}


def test_the_reviewer_looks_at_one_image_at_a_time() -> None:
    outcome = play(OURS, [placed("a", 2), placed("b", 2)], driver("bicycle", UNSURE), driver("motorcycle", UNSURE))
    assert outcome.reviewed == 2
    assert outcome.waiting == pytest.approx(EVENING.review + 2 * EVENING.review)


def test_a_driver_without_an_order_because_of_doubt_is_reviewed() -> None:
    doubted = ImagePrediction({"bicycle": 0.1, "motorcycle": 0.9}, True)
    outcome = play(OURS, [placed("far", 9)], driver("motorcycle", doubted))
    assert outcome.reviewed == 1
    assert outcome.delivered_at == {"far": pytest.approx(1 + EVENING.review + 2 + 18 + 3)}


def test_a_waiting_driver_gets_the_first_suitable_order() -> None:
    orders = [placed("far", 9, minute=10), placed("near", 2, minute=20)]
    outcome = play(OURS, orders, driver("bicycle"))
    assert outcome.delivered_at == {"near": pytest.approx(20 + 13)}
    assert outcome.waiting == pytest.approx(19)


@given(st.integers(0, 2**32), st.sampled_from(POLICIES), st.floats(0, 1), st.booleans())
def test_no_order_is_delivered_twice_or_before_it_is_placed(
    seed: int, policy: Policy, confidence: float, accepted: bool
) -> None:
    seen = [ImagePrediction({"bicycle": confidence, "motorcycle": 1 - confidence}, accepted), *SURE.values()]
    seen = [
        ImagePrediction({"bicycle": 0.0, "motorcycle": 0.0} | dict(one.probabilities), one.accepted) for one in seen
    ]
    script = draw(EVENING, {"bicycle": seen, "motorcycle": seen}, RULES, (seed,))
    outcome = Depot(script, policy, RULES, EVENING).run()
    came = {one.order.order_id: one.minute for one in script.orders}
    assert outcome.delivered_at.keys() <= came.keys()
    assert all(came[name] < minute <= EVENING.end for name, minute in outcome.delivered_at.items())
    in_hand = outcome.rides - outcome.wrong_vehicle_trips - len(outcome.delivered_at)
    assert 0 <= in_hand <= len(script.drivers)
    if policy is ORACLE:
        assert outcome.wrong_vehicle_trips == 0
    if outcome.delivered_at.keys() == came.keys() and not outcome.wrong_vehicle_trips:
        assert outcome.kilometres == pytest.approx(2 * sum(one.order.distance_km for one in script.orders))
