"""Is this one of the classes at all? The score is in the network's answer; here are its cut and how good it is.

Pure numpy. The score is higher for stranger pictures: the logit of "neither" over the log-sum of the classes' logits;
where no other classes were learned from, that logit is 0 and the score the free energy of Liu et al. 2020.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FALSE_REFUSALS = 0.05
_CUTS = 48


def score(logits: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """[n, classes] or [n, classes + 1], the last being "neither", -> [n]."""
    neither = logits[:, classes] if logits.shape[1] > classes else np.zeros(len(logits))
    return np.asarray(neither - np.logaddexp.reduce(logits[:, :classes], axis=1))


def cut(novelty: NDArray[np.float64], false_refusals: float = FALSE_REFUSALS) -> float:
    """The score above which a picture is refused: at most `false_refusals` of new vehicles, on average.

    `novelty` [n] is of out-of-fold vehicles; the rank is the conformal one (Vovk et al. 2005), the highest score
    where n is too small for it.
    """
    rank = math.ceil((len(novelty) + 1) * (1 - false_refusals))
    return float(np.sort(novelty)[min(rank, len(novelty)) - 1])


def curve(vehicles: NDArray[np.float64], others: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The ROC curve in at most 50 points, (share of vehicles refused, share of others), closest where few are."""
    shares = np.linspace(0, 1, _CUTS) ** 2
    cuts = [np.inf, *np.unique(np.quantile(vehicles, 1 - shares, method="lower"))[::-1], -np.inf]
    return [(float((vehicles > cut).mean()), float((others > cut).mean())) for cut in cuts]


def area_under_curve(vehicles: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """P(a picture of something else scores higher than a vehicle), ties counting half: the area under the ROC curve."""
    ordered = np.sort(vehicles)
    below = np.searchsorted(ordered, others, "left") + np.searchsorted(ordered, others, "right")
    return float(below.mean() / 2 / len(vehicles))
