from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scones.contract.release import Prediction
from scones.model.evaluation.activation_maps import LEAST_CERTAIN, add_maps, evidence, worth_a_look
from scones.model.inference.classifier import Classifier

maps = arrays(np.float32, (3, 2, 2), elements=st.floats(-100, 100, width=32))


def prediction(truth: str, predicted: str, confidence: float) -> Prediction:
    return Prediction(key="k", truth=truth, predicted=predicted, probabilities=[confidence, 1 - confidence])


def test_every_wrong_answer_and_the_least_certain_right_ones_deserve_a_look() -> None:
    right = [prediction("a", "a", 0.5 + n / 100) for n in range(40)]
    chosen = worth_a_look([*right[::-1], prediction("a", "b", 0.01)])
    assert chosen == [40, *range(39, 39 - LEAST_CERTAIN, -1)]


def test_nothing_to_look_at_gives_no_map(trained: Path) -> None:
    add_maps([], Classifier(trained / "model"), np.zeros((0, 3, 16, 16), np.float32))


def test_the_maps_are_of_the_pictures_that_they_stand_by(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    pixels = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32)
    predictions = [prediction("circle", name, 0.9) for name in ("circle", "square", "circle")]
    add_maps(predictions, classifier, pixels)
    each = classifier.activation_maps(pixels)
    for index, label in enumerate((0, 1, 0)):
        assert predictions[index]["map"] == evidence(each[index], label)


def test_what_speaks_for_the_class_alone_is_shown() -> None:
    own, other = np.array([[5.0, 1.0]]), np.array([[1.0, 1.0]])
    assert evidence(np.stack([own, other]).astype(np.float32), 0) == [[1.0, 0.0]]
    assert evidence(np.stack([own, other]).astype(np.float32), 1) == [[-1.0, 0.0]]


@given(maps, st.integers(0, 2))
def test_a_map_lies_between_minus_one_and_one(values: np.ndarray, label: int) -> None:
    shown = np.array(evidence(values, label))
    assert shown.shape == (2, 2)
    assert np.abs(shown).max() <= 1
