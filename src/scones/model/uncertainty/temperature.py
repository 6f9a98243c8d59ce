"""Makes the probabilities mean what they say: one temperature, fitted on the validation set; pure numpy.

Guo et al. 2017, "On Calibration of Modern Neural Networks". It changes no prediction, only how sure each one is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.model.inference.classifier import softmax

# Without a single error the likelihood grows for ever as the temperature falls; a small validation set may have none.
LOWEST, HIGHEST = 0.25, 10.0
_HALVINGS = 50


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature in [LOWEST, HIGHEST] with the least negative log likelihood; logits [n, classes], labels [n].

    The likelihood is convex in the inverse temperature, so halving on the sign of its slope finds the minimum.
    """
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _slope(logits, labels, middle) > 0 else (middle, high)
    return 1 / high


def negative_log_likelihood(logits: NDArray[np.float64], labels: NDArray[np.int64], temperature: float) -> float:
    """Mean over the images, in nats."""
    probabilities = softmax(logits / temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)).mean())


def _slope(logits: NDArray[np.float64], labels: NDArray[np.int64], inverse: float) -> float:
    expected = (softmax(logits * inverse) * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(labels)), labels]).mean())
