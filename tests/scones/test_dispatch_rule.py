from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.dispatch_rule import Order, Rules, Vehicle, choose, cost, in_doubt
from scones.errors import DispatchRulesError, PredictionError

NOW = datetime(2026, 5, 1, 18, tzinfo=UTC)
RULES = Rules()
BICYCLE, MOTORCYCLE = {"bicycle": 1.0, "motorcycle": 0.0}, {"bicycle": 0.0, "motorcycle": 1.0}
UNSURE = {"bicycle": 0.5, "motorcycle": 0.5}


def order(order_id: str, distance_km: float, minutes: float = 45) -> Order:
    return Order(order_id, distance_km, NOW + timedelta(minutes=minutes))


NEAR, FAR = order("near", 2), order("far", 9)
positive = st.floats(0.01, 1000)
rules = st.builds(
    Rules,
    headway_minutes=positive,
    late_weight=st.floats(0, 100),
    out_of_range_minutes=st.floats(0, 1000),
    near_order_minutes=st.floats(0, 1000),
    most_out_of_range=st.floats(0, 0.99),
    vehicles=st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.builds(Vehicle, positive, positive, st.text(min_size=1)),
        min_size=1,
        max_size=4,
    ),
)
open_orders = st.lists(
    st.builds(order, st.text(max_size=3), st.floats(0, 15), st.floats(-90, 90)),
    max_size=8,
    unique_by=lambda order: order.order_id,
)
shares = st.floats(0, 1).map(lambda share: {"bicycle": share, "motorcycle": 1 - share})


def chosen(probabilities: dict[str, float], *orders: Order, rules: Rules = RULES) -> str | None:
    choice = choose(probabilities, orders, rules, NOW)
    return choice.order.order_id if choice else None


def test_a_bicycle_gets_the_near_order_and_a_motorcycle_the_far_one() -> None:
    assert chosen(BICYCLE, FAR, NEAR) == "near"
    assert chosen(MOTORCYCLE, FAR, NEAR) == "far"


def test_a_motorcycle_gets_a_near_order_if_there_is_no_far_one() -> None:
    assert chosen(MOTORCYCLE, NEAR) == "near"


def test_an_uncertain_prediction_gets_an_order_that_either_vehicle_can_reach() -> None:
    assert chosen(UNSURE, FAR, NEAR) == "near"


def test_without_a_suitable_order_there_is_no_choice() -> None:
    assert chosen(BICYCLE, FAR) is None
    assert chosen(UNSURE, FAR) is None
    assert chosen(MOTORCYCLE, order("other town", 100)) is None
    assert chosen(MOTORCYCLE) is None


def test_the_rules_set_the_accepted_probability_of_a_failed_ride() -> None:
    doubtful = {"bicycle": 0.3, "motorcycle": 0.7}
    assert chosen(doubtful, FAR) is None
    assert chosen(doubtful, FAR, rules=replace(RULES, most_out_of_range=0.3)) == "far"


def test_a_driver_is_in_doubt_if_no_class_is_certain_enough_for_a_far_order() -> None:
    assert in_doubt({"bicycle": 0.1, "motorcycle": 0.9}, RULES)
    assert not in_doubt({"bicycle": 0.04, "motorcycle": 0.96}, RULES)
    assert not in_doubt({"bicycle": 1.0}, RULES)


def test_the_bay_is_that_of_the_most_probable_vehicle() -> None:
    for probabilities, vehicle in ((BICYCLE, "bicycle"), (MOTORCYCLE, "motorcycle")):
        choice = choose(probabilities, [NEAR], RULES, NOW)
        assert choice
        assert (choice.vehicle, choice.bay) == (vehicle, f"{vehicle} bay")


def test_of_two_similar_orders_the_more_urgent_goes_first() -> None:
    assert chosen(BICYCLE, order("a", 2, minutes=60), order("b", 2, minutes=20)) == "b"


@given(open_orders)
def test_new_orders_do_not_starve_an_overdue_one_however_near_they_are(others: list[Order]) -> None:
    later = NOW + timedelta(minutes=90)
    new = [replace(other, order_id=f"new {other.order_id}", promised_at=later) for other in others]
    for probabilities, distance in ((BICYCLE, 4), (MOTORCYCLE, 12)):
        assert chosen(probabilities, *new, order("overdue", distance, minutes=-1)) == "overdue"


def test_ties_go_to_the_earlier_promise_and_then_to_the_first_id() -> None:
    assert chosen(BICYCLE, order("a", 2, minutes=80), order("b", 2, minutes=70)) == "b"
    assert chosen(BICYCLE, order("b", 2), order("a", 2)) == "a"


@given(shares, open_orders, st.randoms())
def test_the_sequence_of_the_orders_does_not_matter(
    probabilities: dict[str, float], orders: list[Order], random: object
) -> None:
    shuffled = list(orders)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(probabilities, shuffled, RULES, NOW) == choose(probabilities, orders, RULES, NOW)


@given(shares, open_orders)
def test_the_chosen_order_is_open_suitable_and_of_the_lowest_cost(
    probabilities: dict[str, float], orders: list[Order]
) -> None:
    choice = choose(probabilities, orders, RULES, NOW)
    within = [
        order
        for order in orders
        if order.distance_km <= 4 or (order.distance_km <= 12 and probabilities["bicycle"] <= 0.05)
    ]
    assert (choice is None) == (not within)
    if choice:
        assert choice.order in within
        expected = [sum(p * cost(name, order, RULES, NOW) for name, p in probabilities.items()) for order in within]
        assert choice.expected_cost_minutes == pytest.approx(min(expected))


@given(st.sampled_from(["bicycle", "motorcycle"]), open_orders)
def test_a_certain_vehicle_never_gets_an_order_beyond_its_range(vehicle: str, orders: list[Order]) -> None:
    choice = choose({vehicle: 1.0}, orders, RULES, NOW)
    assert choice is None or choice.order.distance_km <= RULES.vehicles[vehicle].range_km


@given(st.sampled_from(["bicycle", "motorcycle"]), st.floats(0, 15), st.floats(-90, 90), st.sampled_from([0.25, 2, 8]))
def test_the_unit_of_distance_does_not_matter(vehicle: str, distance: float, minutes: float, unit: float) -> None:
    vehicles = {
        name: replace(model, speed_kmh=model.speed_kmh * unit, range_km=model.range_km * unit)
        for name, model in RULES.vehicles.items()
    }
    scaled = cost(vehicle, order("a", distance * unit, minutes), replace(RULES, vehicles=vehicles), NOW)
    assert scaled == pytest.approx(cost(vehicle, order("a", distance, minutes), RULES, NOW))


@given(st.sampled_from(["bicycle", "motorcycle"]), st.floats(0, 15), st.floats(-90, 90), st.floats(0, 120))
def test_the_cost_of_an_order_never_rises_with_its_age(
    vehicle: str, distance: float, minutes: float, later: float
) -> None:
    older = cost(vehicle, order("a", distance, minutes - later), RULES, NOW)
    assert older <= cost(vehicle, order("a", distance, minutes), RULES, NOW)


@given(rules)
def test_rules_read_back_from_json_as_they_were_written(rules: Rules) -> None:
    assert Rules.from_json(rules.to_json()) == rules


@given(
    st.sampled_from(
        ["headway_minutes", "late_weight", "out_of_range_minutes", "near_order_minutes", "most_out_of_range"]
    ),
    st.sampled_from([-1, math.nan, math.inf, "4", None, True, [], {}]),
)
def test_a_rule_that_is_not_a_valid_number_is_named(name: str, value: object) -> None:
    text = json.dumps(json.loads(RULES.to_json()) | {name: value})
    with pytest.raises(DispatchRulesError, match=name):
        Rules.from_json(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headway_minutes": 0}, "headway_minutes"),
        ({"most_out_of_range": 1}, "most_out_of_range"),
        ({"vehicles": {}}, "vehicles is empty"),
        ({"vehicles": []}, "vehicles"),
        ({"vehicles": {"tram": 3}}, "tram must have bay, range_km, speed_kmh"),
        ({"vehicles": {"tram": {"speed_kmh": 0, "range_km": 3, "bay": "x"}}}, "speed_kmh"),
        ({"vehicles": {"tram": {"speed_kmh": 9, "range_km": 3, "bay": ""}}}, "bay"),
        ({"colour": "red"}, "nothing else"),
    ],
)
def test_an_invalid_rule_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DispatchRulesError, match=message):
        Rules.from_json(json.dumps(json.loads(RULES.to_json()) | changes))


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_a_document_that_is_not_rules_is_refused(text: str) -> None:
    with pytest.raises(DispatchRulesError):
        Rules.from_json(text)


def test_a_class_without_a_vehicle_is_an_error_that_names_it() -> None:
    with pytest.raises(DispatchRulesError, match=r"no vehicle for tram; add \[dispatch.vehicles.tram\]"):
        choose({"bicycle": 1.0, "tram": 0.0}, [NEAR], RULES, NOW)


@pytest.mark.parametrize("shares", [(0.5, 0.2), (math.nan, 1), (-0.5, 1.5), (1e308, 1e308), (0, 0)])
def test_a_mapping_that_is_not_a_distribution_is_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(PredictionError, match="not probabilities"):
        choose(dict(zip(("bicycle", "motorcycle"), shares, strict=True)), [NEAR], RULES, NOW)
