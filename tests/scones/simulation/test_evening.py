from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.release import Evaluation, Prediction
from scones.dispatch_rule import Rules
from scones.errors import DataError
from scones.simulation.evening import OPENING, Evening, ImagePrediction, draw, image_predictions

BICYCLE, MOTORCYCLE = (
    ImagePrediction({"bicycle": 0.9, "motorcycle": 0.1}, True),
    ImagePrediction({"bicycle": 0.2, "motorcycle": 0.8}, False),
)
ANSWERS = {"bicycle": [BICYCLE], "motorcycle": [MOTORCYCLE]}
EVENING, RULES = Evening(), Rules()


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_the_seed_determines_the_evening(seed: int, other: int) -> None:
    script = draw(EVENING, ANSWERS, RULES, (seed, 0))
    assert script == draw(EVENING, ANSWERS, RULES, (seed, 0))
    assert seed == other or script != draw(EVENING, ANSWERS, RULES, (other, 0))


@given(st.integers(0, 2**32))
def test_orders_are_placed_before_closing_and_within_range(seed: int) -> None:
    orders = draw(EVENING, ANSWERS, RULES, (seed,)).orders
    minutes = [placed.minute for placed in orders]
    assert minutes == sorted(minutes)
    assert all(0 <= minute <= EVENING.closing for minute in minutes)
    assert all(0 < placed.order.distance_km <= 12 for placed in orders)
    assert len({placed.order.order_id for placed in orders}) == len(orders)
    for placed in orders:
        promised = (placed.order.promised_at - OPENING).total_seconds() / 60
        assert promised == pytest.approx(placed.minute + EVENING.promise)


def test_many_evenings_match_the_stated_parameters() -> None:
    evenings = [draw(EVENING, ANSWERS, RULES, (0, n)).orders for n in range(200)]
    orders = [placed for each in evenings for placed in each]
    in_the_rush = sum(EVENING.rush[0] <= placed.minute < EVENING.rush[1] for placed in orders)
    assert len(orders) / 200 == pytest.approx(EVENING.expected_orders(), rel=0.03)
    assert in_the_rush / 200 == pytest.approx(1.5 * EVENING.rush_orders_an_hour, rel=0.03)
    assert np.mean([placed.order.distance_km <= 4 for placed in orders]) == pytest.approx(0.7, abs=0.03)
    assert np.median([placed.traffic for placed in orders]) == pytest.approx(1, rel=0.02)


def test_a_driver_gets_predictions_of_the_own_vehicle() -> None:
    for driver in draw(EVENING, ANSWERS, RULES, (0,)).drivers:
        assert set(map(id, driver.predictions)) == {id(ANSWERS[driver.vehicle][0])}


def test_predictions_are_grouped_by_true_class() -> None:
    one = Prediction(key="k", truth="motorcycle", predicted="bicycle", probabilities=[0.9, 0.1], decision="accept")
    assert image_predictions(_evaluation(one)) == {"bicycle": [], "motorcycle": [BICYCLE]}


def test_an_evaluation_without_decisions_is_refused() -> None:
    one = Prediction(key="k", truth="motorcycle", predicted="bicycle", probabilities=[0.9, 0.1])
    with pytest.raises(DataError, match="which predictions are accepted"):
        image_predictions(_evaluation(one))


def test_a_vehicle_that_the_evaluation_or_the_rules_do_not_know_is_refused() -> None:
    with pytest.raises(DataError, match="no motorcycle in the evaluation"):
        draw(EVENING, {"bicycle": [BICYCLE], "motorcycle": []}, RULES, (0,))
    with pytest.raises(DataError, match="no tram"):
        draw(replace(EVENING, fleet={"tram": 1}), ANSWERS | {"tram": [BICYCLE]}, RULES, (0,))


def _evaluation(*predictions: Prediction) -> Evaluation:
    return Evaluation(classes=["bicycle", "motorcycle"], predictions=list(predictions))  # type: ignore[typeddict-item]
