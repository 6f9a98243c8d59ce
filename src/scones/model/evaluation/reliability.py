"""The reliability of a model: calibration, acceptance, robustness to corruptions, novelty detection and latency."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Acceptance, Corruption, NoveltyScore, Reliability
from scones.model.evaluation import metrics
from scones.model.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from scones.model.inference import dataset
from scones.model.inference.classifier import Answer, Classifier, accepted
from scones.model.inference.dataset import Dataset
from scones.model.uncertainty import novelty

_TIMED_IMAGES = 50


def measure(classifier: Classifier, test: Dataset, answer: Answer, negatives: Path | None) -> Reliability:
    """Measure the reliability on the test images.

    `answer` is the classifier's answer to `test`. `negatives` is a folder of out-of-distribution images,
    `<kind>/<image>`; without it, `novelty` is None. Raises DataError if the negatives cannot be read.
    """
    confidence = answer.probabilities.max(1)
    is_correct = answer.probabilities.argmax(1) == test.labels
    return Reliability(
        brier=metrics.brier(answer.probabilities, test.labels),
        bins=metrics.reliability_bins(confidence, is_correct),
        risk_coverage=metrics.risk_coverage(confidence, is_correct),
        certificates=classifier.description["certificates"],
        acceptance=acceptance(is_correct, accepted(answer, classifier.description)),
        corruptions=[corrupt(classifier, test, name, strength) for name in CORRUPTIONS for strength in STRENGTHS],
        novelty=novelty_scores(classifier, answer.novelty, negatives) if negatives else None,
        milliseconds=median_milliseconds(classifier, test.pixels),
    )


def acceptance(is_correct: NDArray[np.bool_], is_accepted: NDArray[np.bool_]) -> Acceptance:
    """Return the accepted share of the images [n], and the wrong share of the accepted ones."""
    count = int(is_accepted.sum())
    wrong = int((is_accepted & ~is_correct).sum())
    return Acceptance(
        coverage=metrics.wilson(count, len(is_accepted)),
        wrong=metrics.wilson(wrong, count) if count else None,
    )


def corrupt(classifier: Classifier, test: Dataset, name: str, strength: int) -> Corruption:
    """Classify the test images with one corruption, and return the accuracy and the acceptance."""
    description = classifier.description
    mean = np.array(description["mean"], np.float32)[:, None, None]
    std = np.array(description["std"], np.float32)[:, None, None]
    # Corruptions take images in [0, 1]; the test images are normalised.
    images = np.clip(test.pixels * std + mean, 0, 1)
    corrupted = CORRUPTIONS[name](images, strength)
    answer = classifier.answer((corrupted - mean) / std)
    is_correct = answer.probabilities.argmax(1) == test.labels
    return Corruption(
        name=name,
        strength=strength,
        accuracy=float(is_correct.mean()),
        acceptance=acceptance(is_correct, accepted(answer, description)),
    )


def novelty_scores(classifier: Classifier, vehicles: NDArray[np.float64], folder: Path) -> NoveltyScore:
    """Compare the novelty of the test images, `vehicles` [n], with that of the negatives in `folder`.

    Raises DataError if an image is unreadable or the folder has none.
    """
    description = classifier.description
    images = dataset.read_negatives(
        folder, len(description["classes"]), description["size"], description["mean"], description["std"]
    )
    negatives = classifier.answer(images.pixels).novelty
    cut = description["novelty_cut"]
    return NoveltyScore(
        others_refused=metrics.wilson(int((negatives > cut).sum()), len(negatives)),
        vehicles_refused=metrics.wilson(int((vehicles > cut).sum()), len(vehicles)),
        area_under_curve=novelty.area_under_curve(vehicles, negatives),
        curve=novelty.curve(vehicles, negatives),
    )


def median_milliseconds(classifier: Classifier, images: NDArray[np.float32]) -> float:
    """Return the median time of classifying one decoded image, over the first of `images` [n, 3, size, size]."""
    times = []
    for image in images[:_TIMED_IMAGES]:
        started = time.perf_counter()
        classifier.answer(image[None])
        times.append((time.perf_counter() - started) * 1000)
    return round(float(np.median(times)), 3)
