"""The gate: from which confidence on a class is accepted, certified on pictures that the network did not learn from.

Pure functions of counts and scores. For one class the candidates are "accept the k most confident", from few to
many, tested in that fixed order and without a pause: the first that cannot be certified ends it. Such a sequence
needs no correction for the number of candidates (fixed sequence testing; Angelopoulos et al. 2021, "Learn then
Test"). Each test is exact binomial (Clopper & Pearson 1934), and the candidates are the counts at which it forgives one
mistake more: between two of them it forgives no more than at the lesser, so that a candidate there were one more chance
to fail. Several classes share `delta` (Bonferroni), so that all their statements hold at once.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Certificate

# The threshold of a class of which nothing is accepted: more than any probability.
NOTHING = 2.0
# The candidates are fixed before a label is seen. Below this share of the images none is tried: one mistake there would
# end it, for a gate that sends most of them to review anyway.
LEAST_SHARE = 0.5
_BISECTIONS = 50


def certify_classes(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    familiar: NDArray[np.bool_],
    alphas: Sequence[float],
    delta: float,
) -> list[Certificate]:
    """One certificate per class, all true at once with probability 1 - `delta`.

    `probabilities` [n, classes] and `labels` [n] are out-of-fold. Images that are not `familiar` [n] are refused
    before the threshold; that mask must not depend on the labels.
    """
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    certificates = []
    for label, alpha in enumerate(alphas):
        mine = predicted == label
        accepted = mine & familiar
        certificate = certify(confidence[accepted], labels[accepted] == label, alpha, delta / len(alphas))
        certificates.append(certificate | {"coverage": certificate["accepted"] / max(1, int(mine.sum()))})
    return certificates


def certify(confidence: NDArray[np.float64], correct: NDArray[np.bool_], alpha: float, delta: float) -> Certificate:
    """The least threshold with P(wrong | confidence >= threshold) <= `alpha`, at confidence 1 - `delta`.

    Where there is none, the threshold is `NOTHING` and nothing counts as accepted.
    """
    ordered = np.sort(confidence)[::-1]
    best = Certificate(alpha=alpha, delta=delta, threshold=NOTHING, accepted=0, wrong=0, bound=1.0, coverage=0.0)
    for threshold in ordered[candidates(len(ordered), alpha, delta)]:
        accepted = confidence >= threshold
        count, wrong = int(accepted.sum()), int((~correct[accepted]).sum())
        if binomial_cdf(wrong, count, alpha) > delta:
            break
        best |= {"threshold": float(threshold), "accepted": count, "wrong": wrong}
    if best["accepted"]:
        best |= {
            "bound": upper_bound(best["wrong"], best["accepted"], delta),
            "coverage": best["accepted"] / len(confidence),
        }
    return best


def candidates(count: int, alpha: float, delta: float) -> list[int]:
    """Which of `count` images, most confident first, give the thresholds: each where one mistake more is forgiven."""
    forgiving = (least_trials(wrong, alpha, delta) for wrong in itertools.count())
    counts = list(itertools.takewhile(count.__ge__, forgiving))
    return [k - 1 for k in sorted({*counts, count}) if counts and k >= LEAST_SHARE * count]


def least_trials(wrong: int, alpha: float, delta: float) -> int:
    """The fewest trials of which `wrong` may be wrong, and a rate of at most `alpha` still be certified."""
    enough = wrong + 1
    while binomial_cdf(wrong, enough, alpha) > delta:
        enough *= 2
    return bisect_left(range(enough), True, lo=wrong, key=lambda trials: binomial_cdf(wrong, trials, alpha) <= delta)


def upper_bound(wrong: int, trials: int, delta: float) -> float:
    """The one-sided Clopper-Pearson bound: the largest rate at which so few are wrong with probability `delta`."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if binomial_cdf(wrong, trials, middle) > delta else (low, middle)
    return high


def binomial_cdf(successes: int, trials: int, rate: float) -> float:
    """P(at most `successes` of `trials`), summed in logarithms so that nothing underflows."""
    if successes >= trials or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    log_odds, log_term = math.log(rate) - math.log1p(-rate), trials * math.log1p(-rate)
    total = math.exp(log_term)
    for k in range(1, successes + 1):
        log_term += math.log(trials - k + 1) - math.log(k) + log_odds
        total += math.exp(log_term)
    return min(1.0, total)
