"""Out-of-distribution detection: the novelty score, its cut, and how well it separates negatives from vehicles.

With the logit of the output for negatives, the score is that logit minus the log-sum-exp of the classes' logits. If the
network was trained without negatives, the logit counts as 0, and the score is the free energy of Liu et al. 2020,
"Energy-based Out-of-distribution Detection". `training.export` computes the same score inside model.onnx.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FALSE_REJECTION_RATE = 0.05
# With the two ends, the curve has at most 50 points.
_INNER_POINTS = 48


def score(logits: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Return the novelty [n] of logits [n, classes], or [n, classes + 1] with the negatives' logit last."""
    negative_logit = logits[:, classes] if logits.shape[1] > classes else np.zeros(len(logits))
    return np.asarray(negative_logit - np.logaddexp.reduce(logits[:, :classes], axis=1))


def cut(novelty: NDArray[np.float64], false_rejection_rate: float = FALSE_REJECTION_RATE) -> float:
    """Return the novelty above which an image is rejected, from out-of-fold scores [n] of vehicles.

    On average, at most `false_rejection_rate` of new vehicles are above it: it is the conformal quantile (Vovk et al.
    2005), or the largest score if n is too small for one.
    """
    rank = math.ceil((len(novelty) + 1) * (1 - false_rejection_rate))
    return float(np.sort(novelty)[min(rank, len(novelty)) - 1])


def curve(vehicles: NDArray[np.float64], negatives: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the ROC curve of two sets of scores, [n] and [m], in at most 50 points.

    A point is (share of vehicles rejected, share of negatives rejected).
    """
    # Squared, the shares are dense near 0: only cuts that reject few vehicles are of practical use.
    shares = np.linspace(0, 1, _INNER_POINTS) ** 2
    cuts = [np.inf, *np.unique(np.quantile(vehicles, 1 - shares, method="lower"))[::-1], -np.inf]
    return [(float((vehicles > cut).mean()), float((negatives > cut).mean())) for cut in cuts]


def area_under_curve(vehicles: NDArray[np.float64], negatives: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve: P(a negative scores higher than a vehicle), where ties count half."""
    ordered = np.sort(vehicles)
    # The sum of both sides counts a vehicle with a lower score twice and one with the same score once.
    below = np.searchsorted(ordered, negatives, "left") + np.searchsorted(ordered, negatives, "right")
    return float(below.mean() / 2 / len(vehicles))
