"""Calibrates the probabilities with one temperature, fitted on out-of-fold predictions.

Guo et al. 2017, "On Calibration of Modern Neural Networks". The temperature changes no predicted class, only the
confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.model.inference.classifier import softmax

# If no prediction is wrong, as can happen on few images, the likelihood has no maximum: it grows as the temperature
# falls to 0. The bounds keep the confidence credible then.
MIN_TEMPERATURE = 0.25
MAX_TEMPERATURE = 10.0
_BISECTIONS = 50


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the temperature in [MIN_TEMPERATURE, MAX_TEMPERATURE] with the smallest negative log likelihood.

    `logits` are [n, classes], `labels` [n].
    """
    # The negative log likelihood is convex in the inverse temperature: bisecting on its slope finds the minimum.
    low = 1 / MAX_TEMPERATURE
    high = 1 / MIN_TEMPERATURE
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _slope(logits, labels, middle) > 0:
            high = middle
        else:
            low = middle
    return 1 / high


def negative_log_likelihood(logits: NDArray[np.float64], labels: NDArray[np.int64], temperature: float) -> float:
    """Return the mean over the images, in nats, of logits [n, classes] and labels [n]."""
    probabilities = softmax(logits / temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)).mean())


def _slope(logits: NDArray[np.float64], labels: NDArray[np.int64], inverse: float) -> float:
    """Return the derivative of the negative log likelihood by the inverse temperature."""
    expected = (softmax(logits * inverse) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())
