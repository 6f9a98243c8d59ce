from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scones.errors import DataError
from scones.model.evaluation import reliability
from scones.model.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from scones.model.inference import dataset
from scones.model.inference.classifier import Classifier
from scones.model.inference.dataset import Dataset

Shapes = Callable[..., None]


@pytest.fixture(scope="module")
def classifier(trained: Path) -> Classifier:
    return Classifier(trained / "model")


@pytest.fixture(scope="module")
def images(shapes: Shapes, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("test")
    shapes(folder, 6, first_seed=2000)
    return dataset.read(folder, ["circle", "square"], 16)


def test_acceptance_counts_the_wrong_among_the_accepted() -> None:
    is_correct = np.array([True, False, True, False])
    is_accepted = np.array([True, True, True, False])
    measured = reliability.acceptance(is_correct, is_accepted)
    assert measured["coverage"]["value"] == 3 / 4
    assert measured["wrong"] is not None
    assert measured["wrong"]["value"] == 1 / 3


def test_acceptance_has_no_error_rate_without_accepted_images() -> None:
    measured = reliability.acceptance(np.ones(3, bool), np.zeros(3, bool))
    assert measured["coverage"]["value"] == 0
    assert measured["wrong"] is None


def test_every_corruption_is_measured_at_every_strength(classifier: Classifier, images: Dataset) -> None:
    answer = classifier.answer(images.pixels)
    measured = reliability.measure(classifier, images, answer, negatives=None)
    kinds = [(corruption["name"], corruption["strength"]) for corruption in measured["corruptions"]]
    assert kinds == [(name, strength) for name in CORRUPTIONS for strength in STRENGTHS]
    assert measured["acceptance"]["coverage"]["n"] == len(images.keys)
    assert measured["novelty"] is None


def test_corruptions_are_applied_to_unnormalised_pixels(classifier: Classifier, images: Dataset) -> None:
    # A normalised value of -2 is black, which darkness does not change.
    black = Dataset(images.keys, np.full_like(images.pixels, -2), images.labels)
    answer = classifier.answer(black.pixels)
    accuracy = float((answer.probabilities.argmax(1) == black.labels).mean())
    corruption = reliability.corrupt(classifier, black, "darkness", 5)
    assert (corruption["name"], corruption["strength"], corruption["accuracy"]) == ("darkness", 5, accuracy)


def test_novelty_scores_compare_vehicles_with_negatives(
    classifier: Classifier, images: Dataset, shapes: Shapes, tmp_path: Path
) -> None:
    shapes(tmp_path, 6, first_seed=2000)
    novelty = classifier.answer(images.pixels).novelty
    scores = reliability.novelty_scores(classifier, novelty, tmp_path)
    # The same images on both sides cannot be distinguished.
    assert scores["area_under_curve"] == pytest.approx(0.5)
    assert scores["others_refused"] == scores["vehicles_refused"]


def test_a_folder_without_negatives_is_rejected(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no folder of images"):
        reliability.novelty_scores(classifier, np.zeros(3), tmp_path)


def test_the_latency_is_positive(classifier: Classifier, images: Dataset) -> None:
    assert reliability.median_milliseconds(classifier, images.pixels) > 0
