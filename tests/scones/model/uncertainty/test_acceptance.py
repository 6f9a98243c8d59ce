import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.uncertainty.acceptance import (
    ACCEPT_NOTHING,
    binomial_cdf,
    candidates,
    certify,
    certify_classes,
    min_trials,
    upper_bound,
)

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.floats(0.001, 0.999)


@given(counts, rates)
def test_the_binomial_cdf_agrees_with_the_sum_of_exact_terms(drawn: tuple[int, int], rate: float) -> None:
    successes, trials = drawn
    expected = sum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(successes + 1))
    assert binomial_cdf(successes, trials, rate) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("wrong", "trials", "bound"), [(0, 149, 0.01990), (1, 236, 0.01995), (0, 10, 0.25887)])
def test_the_upper_bound_agrees_with_published_tables(wrong: int, trials: int, bound: float) -> None:
    assert upper_bound(wrong, trials, 0.05) == pytest.approx(bound, abs=2e-5)


@given(counts, st.floats(0.001, 0.5))
def test_the_upper_bound_is_above_the_observed_rate(drawn: tuple[int, int], delta: float) -> None:
    wrong, trials = drawn
    assert wrong / trials <= upper_bound(wrong, trials, delta) <= 1


@given(st.integers(0, 2000), st.floats(0.005, 0.3), st.floats(0.005, 0.3))
def test_candidates_ascend_and_each_can_be_certified(count: int, alpha: float, delta: float) -> None:
    numbers = [index + 1 for index in candidates(count, alpha, delta)]
    assert numbers == sorted(set(numbers))
    assert all(number <= count and binomial_cdf(0, number, alpha) <= delta * (1 + 1e-9) for number in numbers)


@given(st.integers(0, 30), st.floats(0.005, 0.3), st.floats(0.005, 0.3))
def test_min_trials_is_the_first_number_that_certifies(wrong: int, alpha: float, delta: float) -> None:
    trials = min_trials(wrong, alpha, delta)
    assert binomial_cdf(wrong, trials, alpha) <= delta < binomial_cdf(wrong, trials - 1, alpha)


def test_candidates_are_where_one_more_error_is_tolerated_and_the_last() -> None:
    assert [index + 1 for index in candidates(473, 0.02, 0.025)] == [277, 359, 436, 473]
    assert [index + 1 for index in candidates(183, 0.02, 0.025)] == [183]
    assert candidates(182, 0.02, 0.025) == []


def test_a_class_without_errors_is_accepted_completely() -> None:
    certificate = certify(np.linspace(0.5, 1, 300), np.ones(300, bool), 0.02, 0.05)
    assert certificate["threshold"] == 0.5
    assert certificate["coverage"] == 1
    assert certificate["bound"] <= 0.02


@pytest.mark.parametrize(("count", "wrong"), [(0, 0), (100, 0), (300, 150)])
def test_a_class_that_cannot_be_certified_accepts_nothing(count: int, wrong: int) -> None:
    certificate = certify(np.linspace(0.5, 1, count), np.arange(count) >= wrong, 0.02, 0.05)
    assert certificate["threshold"] == ACCEPT_NOTHING
    assert (certificate["accepted"], certificate["coverage"], certificate["bound"]) == (0, 0, 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 600))
def test_the_certificate_agrees_with_what_its_threshold_accepts(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, count).round(2)
    correct = rng.random(count) < confidence**0.1
    certificate = certify(confidence, correct, 0.05, 0.1)
    accepted = confidence >= certificate["threshold"]
    assert certificate["accepted"] == accepted.sum()
    assert certificate["wrong"] == (~correct[accepted]).sum()
    assert certificate["bound"] <= 0.05 or not accepted.any()


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
def test_the_certified_rate_is_exceeded_no_more_often_than_delta(sharpness: float) -> None:
    """The true rate above a threshold is the mean of the error curve `0.2 * (1 - u) ** sharpness` over ranks u."""
    rng = np.random.default_rng(0)
    alpha, delta, runs = 0.05, 0.1, 2000
    exceeded = 0
    for _ in range(runs):
        rank = rng.random(400)
        certificate = certify(rank, rng.random(400) >= 0.2 * (1 - rank) ** sharpness, alpha, delta)
        width = 1 - certificate["threshold"]
        exceeded += width > 0 and 0.2 * width**sharpness / (sharpness + 1) > alpha
    # Three standard errors of a share of `delta` among the runs.
    assert exceeded / runs <= delta + 3 * math.sqrt(delta * (1 - delta) / runs)


def test_each_class_has_its_own_alpha_and_all_share_delta() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    confidence = np.where(labels == 0, rng.uniform(0.9, 1, 2000), rng.uniform(0, 0.1, 2000))
    first, second = certify_classes(
        np.stack([confidence, 1 - confidence], 1), labels, np.arange(2000) % 10 > 0, alphas=[0.02, 0.001], delta=0.05
    )
    assert (first["alpha"], first["delta"], first["wrong"]) == (0.02, 0.025, 0)
    assert first["coverage"] == pytest.approx(0.9, abs=0.03)
    assert second["threshold"] == ACCEPT_NOTHING
