"""How far a model's word can be taken: calibration, the gate at work, spoilt pictures, other things, and its speed.

Part of `evaluate`; judges nothing.
"""

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

_TIMED = 50


def measure(classifier: Classifier, test: Dataset, answer: Answer, others: Path | None) -> Reliability:
    """`answer` is the classifier's to `test`; `others` is a folder with a folder of images for each other thing."""
    confidence = answer.probabilities.max(1)
    correct = answer.probabilities.argmax(1) == test.labels
    return Reliability(
        brier=metrics.brier(answer.probabilities, test.labels),
        bins=metrics.reliability(confidence, correct),
        risk_coverage=metrics.risk_coverage(confidence, correct),
        certificates=classifier.description["certificates"],
        acceptance=acceptance(correct, accepted(answer, classifier.description)),
        corruptions=[spoil(classifier, test, name, strength) for name in CORRUPTIONS for strength in STRENGTHS],
        novelty=strangers(classifier, answer.novelty, others) if others else None,
        milliseconds=milliseconds(classifier, test.pixels),
    )


def acceptance(correct: NDArray[np.bool_], passed: NDArray[np.bool_]) -> Acceptance:
    count = int(passed.sum())
    return Acceptance(
        coverage=metrics.wilson(count, len(passed)),
        wrong=metrics.wilson(int((passed & ~correct).sum()), count) if count else None,
    )


def spoil(classifier: Classifier, test: Dataset, name: str, strength: int) -> Corruption:
    about = classifier.description
    mean, std = (np.array(about[part], np.float32)[:, None, None] for part in ("mean", "std"))
    pictures = np.clip(test.pixels * std + mean, 0, 1)
    answer = classifier.answer((CORRUPTIONS[name](pictures, strength) - mean) / std)
    correct = answer.probabilities.argmax(1) == test.labels
    return Corruption(
        name=name,
        strength=strength,
        accuracy=float(correct.mean()),
        acceptance=acceptance(correct, accepted(answer, about)),
    )


def strangers(classifier: Classifier, vehicles: NDArray[np.float64], folder: Path) -> NoveltyScore:
    about = classifier.description
    pictures = dataset.read_as_one(folder, len(about["classes"]), about["size"], about["mean"], about["std"])
    others = classifier.answer(pictures.pixels).novelty
    return NoveltyScore(
        others_refused=metrics.wilson(int((others > about["novelty_cut"]).sum()), len(others)),
        vehicles_refused=metrics.wilson(int((vehicles > about["novelty_cut"]).sum()), len(vehicles)),
        area_under_curve=novelty.area_under_curve(vehicles, others),
        curve=novelty.curve(vehicles, others),
    )


def milliseconds(classifier: Classifier, pictures: NDArray[np.float32]) -> float:
    """The median over some of the pictures, answered one at a time and without decoding."""
    times = []
    for picture in pictures[:_TIMED]:
        started = time.perf_counter()
        classifier.answer(picture[None])
        times.append((time.perf_counter() - started) * 1000)
    return round(float(np.median(times)), 3)
