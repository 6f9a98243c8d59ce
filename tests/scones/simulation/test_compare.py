"""Policies compared over the same evenings, and the bootstrap's intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from scones.dispatch_rule import Rules
from scones.simulation.compare import Played, Scenario, busier, estimates, play, saved, to_oracle
from scones.simulation.evening import Evening, ImagePrediction

EVENING, NAMES = Evening(), ("bicycle", "motorcycle")
SURE = {name: [ImagePrediction({each: float(each == name) for each in NAMES}, True)] for name in NAMES}
WRONG = {name: ImagePrediction({each: float(each != name) for each in NAMES}, True) for name in NAMES}
DOUBTED = {name: [*SURE[name] * 4, WRONG[name]] for name in NAMES}


def played(answers: Mapping[str, Sequence[ImagePrediction]], evenings: int = 6, seed: int = 0) -> Played:
    return play(Scenario(EVENING, answers, Rules()), evenings=evenings, seed=seed)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert estimates(played(DOUBTED)) == estimates(played(DOUBTED))
    assert estimates(played(DOUBTED)) != estimates(played(DOUBTED, seed=1))


def test_with_a_perfect_model_ours_equals_the_oracle() -> None:
    evenings = played(SURE)
    assert saved(evenings)["oracle"] == {"value": 0, "low": 0, "high": 0}
    assert to_oracle(evenings) == {"value": 1, "low": 1, "high": 1}


def test_wrong_predictions_cause_wrong_vehicle_trips_except_for_the_oracle() -> None:
    means = estimates(played(DOUBTED))
    assert means["ours"]["wrong-vehicle trips"]["value"] > 0
    assert means["oracle"]["wrong-vehicle trips"] == {"value": 0, "low": 0, "high": 0}


def test_an_interval_contains_its_value_and_shrinks_with_more_evenings() -> None:
    few, many = (estimates(played(SURE, evenings))["ours"]["kilometres"] for evenings in (4, 40))
    for estimate in (few, many):
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert many["high"] - many["low"] < few["high"] - few["low"]


def test_an_evening_does_not_depend_on_the_number_of_evenings() -> None:
    few, more = played(DOUBTED, 3), played(DOUBTED, 6)
    for name, mine in few.measures.items():
        for measure, values in mine.items():
            assert values.tolist() == more.measures[name][measure][:3].tolist()


def test_a_busier_evening_has_proportionally_more_orders() -> None:
    assert busier(EVENING, 1.5).expected_orders() == pytest.approx(1.5 * EVENING.expected_orders())
