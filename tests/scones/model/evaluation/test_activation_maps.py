from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scones.contract.release import Prediction
from scones.model.evaluation.activation_maps import UNCERTAIN_COUNT, add_maps, indices_for_maps, relative_map
from scones.model.inference.classifier import Classifier

class_maps = arrays(np.float32, (3, 2, 2), elements=st.floats(-100, 100, width=32))


def prediction(truth: str, predicted: str, confidence: float) -> Prediction:
    return Prediction(key="k", truth=truth, predicted=predicted, probabilities=[confidence, 1 - confidence])


def test_wrong_and_least_confident_correct_predictions_get_maps() -> None:
    correct = [prediction("a", "a", 0.5 + n / 100) for n in range(40)]
    indices = indices_for_maps([*correct[::-1], prediction("a", "b", 0.01)])
    assert indices == [40, *range(39, 39 - UNCERTAIN_COUNT, -1)]


def test_no_predictions_get_no_maps(trained: Path) -> None:
    predictions: list[Prediction] = []
    add_maps(predictions, Classifier(trained / "model"), np.zeros((0, 3, 16, 16), np.float32))
    assert predictions == []


def test_each_prediction_gets_the_map_of_its_own_image_and_class(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    pixels = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32)
    predictions = [prediction("circle", name, 0.9) for name in ("circle", "square", "circle")]
    add_maps(predictions, classifier, pixels)
    activations = classifier.activation_maps(pixels)
    for index, label in enumerate((0, 1, 0)):
        assert predictions[index]["map"] == relative_map(activations[index], label)


def test_a_map_shows_the_difference_to_the_other_classes() -> None:
    own = np.array([[5.0, 1.0]])
    other = np.array([[1.0, 1.0]])
    assert relative_map(np.stack([own, other]).astype(np.float32), 0) == [[1.0, 0.0]]
    assert relative_map(np.stack([own, other]).astype(np.float32), 1) == [[-1.0, 0.0]]


@given(class_maps, st.integers(0, 2))
def test_a_map_lies_between_minus_one_and_one(values: np.ndarray, label: int) -> None:
    shown = np.array(relative_map(values, label))
    assert shown.shape == (2, 2)
    assert np.abs(shown).max() <= 1
