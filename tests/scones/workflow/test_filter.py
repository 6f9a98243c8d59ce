"""Filter by a threshold and by the model's own decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import PredictionError, ThresholdConfidenceNotMet
from scones.workflow.filter import require_confidence

from .fakes import data


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0, 1))
def test_predictions_pass_if_and_only_if_they_reach_the_threshold(inferences: list[float], threshold: float) -> None:
    if max(inferences) >= threshold:
        assert require_confidence(data(inferences=inferences), threshold=threshold)["inferences"] == inferences
    else:
        with pytest.raises(ThresholdConfidenceNotMet, match=r"^THRESHOLD_CONFIDENCE_NOT_MET"):
            require_confidence(data(inferences=inferences), threshold=threshold)


@pytest.mark.parametrize("decision", ["accept", "review"])
def test_without_a_threshold_the_models_decision_counts(decision: str) -> None:
    prediction = data(inferences=[0.01, 0.99], decision=decision)
    if decision == "accept":
        assert require_confidence(prediction, threshold=None) == prediction
    else:
        with pytest.raises(ThresholdConfidenceNotMet, match=r"^THRESHOLD_CONFIDENCE_NOT_MET"):
            require_confidence(prediction, threshold=None)


def test_without_threshold_and_decision_the_error_names_the_setting() -> None:
    with pytest.raises(PredictionError, match=r"scones\.toml"):
        require_confidence(data(inferences=[0.01, 0.99]), threshold=None)


@pytest.mark.parametrize("inferences", [[], [float("nan"), 0.9]])
def test_inferences_that_are_not_probabilities_raise_a_prediction_error(inferences: list[float]) -> None:
    with pytest.raises(PredictionError):
        require_confidence(data(inferences=inferences), threshold=0.5)
