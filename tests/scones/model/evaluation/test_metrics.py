from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.evaluation.metrics import (
    N_BINS,
    brier,
    confusion,
    expected_calibration_error,
    precision,
    reliability_bins,
    risk_coverage,
    wilson,
)

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
predictions = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_newcombe_1998(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson(successes, trials)
    assert (interval["low"], interval["high"]) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_contains_the_value_and_is_symmetric(case: tuple[int, int]) -> None:
    successes, trials = case
    interval = wilson(successes, trials)
    mirror = wilson(trials - successes, trials)
    assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert interval["low"] == pytest.approx(1 - mirror["high"])
    assert interval["low"] < interval["high"]


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_more_trials_narrow_the_interval(case: tuple[int, int]) -> None:
    successes, trials = case
    few = wilson(successes, trials)
    many = wilson(successes * 4, trials * 4)
    assert many["high"] - many["low"] < few["high"] - few["low"]


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_rejects_impossible_proportions(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="are not a proportion"):
        wilson(successes, trials)


@given(labels)
def test_confusion_counts_each_image_once_in_the_row_of_its_class(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    counts = confusion(truth, predicted, 4)
    assert counts.sum(axis=1).tolist() == np.bincount(truth, minlength=4).tolist()
    assert np.trace(counts) == (truth == predicted).sum()


def test_precision_is_none_for_a_class_that_is_never_predicted() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    assert precision(counts, 0) == pytest.approx(2 / 3)
    assert precision(counts, 1) is None


@given(predictions)
def test_calibration_error_is_between_0_and_1(pairs: list[tuple[float, bool]]) -> None:
    confidence, correct = (np.array(column) for column in zip(*pairs, strict=True))
    assert 0 <= expected_calibration_error(confidence, correct.astype(bool)) <= 1


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_calibrated_model_has_no_calibration_error(outcomes: list[bool]) -> None:
    correct = np.array(outcomes)
    assert expected_calibration_error(correct.astype(float), correct) == 0


@given(st.integers(1, 60))
def test_a_certain_model_that_is_always_wrong_has_calibration_error_1(count: int) -> None:
    assert expected_calibration_error(np.ones(count), np.zeros(count, bool)) == 1


@given(predictions)
def test_reliability_bins_cover_all_images_by_ascending_confidence(pairs: list[tuple[float, bool]]) -> None:
    confidence, is_correct = (np.array(column) for column in zip(*pairs, strict=True))
    bins = reliability_bins(confidence, is_correct)
    assert len(bins) == min(N_BINS, len(pairs))
    assert sum(part["n"] for part in bins) == len(pairs)
    assert all(low["confidence"] <= high["confidence"] + 1e-9 for low, high in pairwise(bins))


def test_calibration_error_is_the_gap_within_a_bin() -> None:
    confidence = np.full(300, 0.9)
    correct = np.arange(300) % 2 == 0
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.4)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 50))
def test_the_brier_score_is_0_if_correct_and_2_if_certainly_wrong(seed: int, classes: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), count)
    labels = rng.integers(0, classes, count)
    assert 0 <= brier(probabilities, labels) <= 2
    assert brier(np.eye(classes)[labels], labels) == 0
    assert brier(np.eye(classes)[(labels + 1) % classes], labels) == 2


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_risk_at_full_coverage_is_the_error_rate(drawn: list[tuple[float, bool]]) -> None:
    confidence, correct = (np.array(column) for column in zip(*drawn, strict=True))
    curve = risk_coverage(confidence, correct)
    assert len(curve) == len(drawn)
    assert curve[-1] == (1, pytest.approx(1 - correct.mean()))
    assert curve[0][1] == (not correct[np.argmax(confidence)])
