"""The metrics of an evaluation; pure functions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Interval, ReliabilityBin

# The 97.5th percentile of the standard normal distribution.
_Z_95 = 1.959963984540054
N_BINS = 15


def wilson(successes: int, trials: int) -> Interval:
    """Return a proportion with its 95 % score interval (Wilson 1927), without continuity correction.

    Raises ValueError if `trials` is 0 or `successes` is not between 0 and `trials`.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes of {trials} trials are not a proportion")
    value = successes / trials
    z2 = _Z_95**2
    centre = (value + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * math.sqrt(value * (1 - value) / trials + z2 / (4 * trials**2))
    # For no and for all successes a bound equals the value, and rounding must not put it on the wrong side.
    low = min(max(0.0, centre - half), value)
    high = max(min(1.0, centre + half), value)
    return Interval(value=value, low=low, high=high, n=trials)


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return the confusion matrix [classes, classes]: a row for each true class, a column for each predicted one."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def precision(counts: NDArray[np.int64], label: int) -> float | None:
    """Return the correct share of the predictions of a class, from the confusion matrix; None without predictions."""
    predicted = int(counts[:, label].sum())
    return int(counts[label, label]) / predicted if predicted else None


def expected_calibration_error(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> float:
    """Return the mean of |confidence - accuracy| over the bins, weighted by their images (Nguyen & O'Connor 2015).

    `confidence` [n] is the largest probability of each image.
    """
    bins = reliability_bins(confidence, is_correct)
    return sum(abs(part["confidence"] - part["accuracy"]) * part["n"] for part in bins) / len(confidence)


def reliability_bins(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Return at most `N_BINS` bins of equal numbers of images, by ascending confidence; none is empty."""
    order = np.argsort(confidence, kind="stable")
    return [
        ReliabilityBin(confidence=float(confidence[part].mean()), accuracy=float(is_correct[part].mean()), n=len(part))
        for part in np.array_split(order, N_BINS)
        if len(part)
    ]


def brier(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean over the images of the squared errors summed over the classes, from 0 to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def risk_coverage(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return n points (coverage, risk): the share that the k most confident images are of all, and their error rate."""
    order = np.argsort(-confidence, kind="stable")
    counts = np.arange(1, len(order) + 1)
    risk = np.cumsum(~is_correct[order]) / counts
    return list(zip((counts / len(order)).tolist(), risk.tolist(), strict=True))
