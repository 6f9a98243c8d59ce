import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scones.model.inference.classifier import softmax
from scones.model.uncertainty.temperature import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    fit_temperature,
    negative_log_likelihood,
)

logits_of_three_classes = arrays(np.float64, (20, 3), elements=st.floats(-30, 30))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_generated_the_labels_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 2)) * 3
    labels = (rng.random(len(logits)) < softmax(logits / temperature)[:, 1]).astype(np.int64)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


@given(
    logits_of_three_classes,
    arrays(np.int64, 20, elements=st.integers(0, 2)),
    st.floats(MIN_TEMPERATURE, MAX_TEMPERATURE),
)
def test_no_other_temperature_has_a_higher_likelihood(logits: np.ndarray, labels: np.ndarray, other: float) -> None:
    temperature = fit_temperature(logits, labels)
    assert MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE
    best = negative_log_likelihood(logits, labels, temperature)
    assert best <= negative_log_likelihood(logits, labels, other) + 1e-6


def test_predictions_without_errors_get_the_minimum_temperature() -> None:
    temperature = fit_temperature(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 1]))
    assert temperature == pytest.approx(MIN_TEMPERATURE)
