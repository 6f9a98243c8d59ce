"""The figures of an evaluation, each a pure function of counts or predictions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Interval, ReliabilityBin

_Z_95 = 1.959963984540054
BINS = 15


def wilson(successes: int, trials: int) -> Interval:
    """A proportion with its 95 % score interval (Wilson 1927, no continuity correction); `trials` is at least 1."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes of {trials} trials is no proportion")
    value, z2 = successes / trials, _Z_95**2
    centre = (value + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * math.sqrt(value * (1 - value) / trials + z2 / (4 * trials**2))
    # At the ends the interval touches 0 and 1 exactly; rounding must not leave the value outside.
    low, high = min(max(0.0, centre - half), value), max(min(1.0, centre + half), value)
    return Interval(value=value, low=low, high=high, n=trials)


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts [classes, classes]: rows are the truth, columns the prediction."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def precision(counts: NDArray[np.int64], label: int) -> float | None:
    """Of what was predicted as `label`, the share that is; None where nothing was."""
    predicted = int(counts[:, label].sum())
    return int(counts[label, label]) / predicted if predicted else None


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy, weighted by bin, over 15 bins of equal mass (Nguyen & O'Connor 2015).

    `confidence` [n] is the top class's probability. Fewer than 15 images make a bin each.
    """
    bins = reliability(confidence, correct)
    return sum(abs(part["confidence"] - part["accuracy"]) * part["n"] for part in bins) / len(confidence)


def reliability(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """The bins of the expected calibration error, least confident first."""
    order = np.argsort(confidence, kind="stable")
    return [
        ReliabilityBin(confidence=float(confidence[part].mean()), accuracy=float(correct[part].mean()), n=len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def brier(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean over images of the squared errors summed over classes: 0 to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def risk_coverage(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """For each number of most confident images: (its share of all, the share of it that is wrong)."""
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(order) + 1)
    risk = np.cumsum(~correct[order]) / counts
    return list(zip((counts / len(order)).tolist(), risk.tolist(), strict=True))
