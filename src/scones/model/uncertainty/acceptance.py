"""The acceptance rule: certified confidence thresholds, from out-of-fold predictions.

For each class, thresholds from high to low are tested in a fixed order, and the first that cannot be certified ends the
search. Such a sequence needs no correction for the number of thresholds (fixed sequence testing; Angelopoulos et al.
2021, "Learn then Test"). Each test is an exact binomial one (Clopper & Pearson 1934). The classes share `delta`
(Bonferroni), so that all their certificates hold at once. Written out, because scipy is too large for the image.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Certificate

# The threshold that accepts nothing: greater than any probability.
ACCEPT_NOTHING = 2.0
# No threshold that accepts a smaller share of the images is tested: a single error among so few would end the search,
# and a threshold that leaves most images to review is of little use anyway.
MIN_COVERAGE = 0.5
_BISECTIONS = 50


def certify_classes(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    is_familiar: NDArray[np.bool_],
    alphas: Sequence[float],
    delta: float,
) -> list[Certificate]:
    """Return a certificate for each class; with probability 1 - `delta`, all hold at once.

    `probabilities` [n, classes] are out-of-fold, for the true `labels` [n]. `is_familiar` [n] is false for images that
    the novelty cut rejects; it must not depend on the labels. `alphas` has the error rate to certify for each class.
    """
    predicted = probabilities.argmax(1)
    confidence = probabilities.max(1)
    certificates = []
    for label, alpha in enumerate(alphas):
        is_predicted = predicted == label
        is_candidate = is_predicted & is_familiar
        is_correct = labels[is_candidate] == label
        certificate = certify(confidence[is_candidate], is_correct, alpha, delta / len(alphas))
        # Images that the cut rejects are not accepted either, so they count in the denominator.
        certificate["coverage"] = certificate["accepted"] / max(1, int(is_predicted.sum()))
        certificates.append(certificate)
    return certificates


def certify(confidence: NDArray[np.float64], is_correct: NDArray[np.bool_], alpha: float, delta: float) -> Certificate:
    """Return the smallest threshold with P(wrong | confidence >= threshold) <= `alpha`, at confidence 1 - `delta`.

    `confidence` and `is_correct` are [n]. If nothing can be certified, the threshold is `ACCEPT_NOTHING`.
    """
    ordered = np.sort(confidence)[::-1]
    best = Certificate(alpha=alpha, delta=delta, threshold=ACCEPT_NOTHING, accepted=0, wrong=0, bound=1.0, coverage=0.0)
    for threshold in ordered[candidates(len(ordered), alpha, delta)]:
        is_accepted = confidence >= threshold
        accepted = int(is_accepted.sum())
        wrong = int((~is_correct[is_accepted]).sum())
        if binomial_cdf(wrong, accepted, alpha) > delta:
            break
        best |= {"threshold": float(threshold), "accepted": accepted, "wrong": wrong}
    if best["accepted"]:
        best["bound"] = upper_bound(best["wrong"], best["accepted"], delta)
        best["coverage"] = best["accepted"] / len(confidence)
    return best


def candidates(count: int, alpha: float, delta: float) -> list[int]:
    """Return, for `count` images by descending confidence, the indices of those whose confidence is tested.

    They depend on no label, as fixed sequence testing demands.
    """
    # At each of these numbers of accepted images the test tolerates one error more. Between two of them it tolerates as
    # many as at the smaller one, so that a candidate there would only be one more chance to fail.
    accepted_counts = []
    for wrong in itertools.count():
        trials = min_trials(wrong, alpha, delta)
        if trials > count:
            break
        accepted_counts.append(trials)
    # With fewer images than a class without errors needs, nothing can be certified.
    if not accepted_counts:
        return []
    if accepted_counts[-1] < count:
        accepted_counts.append(count)
    return [accepted - 1 for accepted in accepted_counts if accepted >= MIN_COVERAGE * count]


def min_trials(wrong: int, alpha: float, delta: float) -> int:
    """Return the smallest number of trials, `wrong` of them wrong, that certifies an error rate of at most `alpha`."""
    enough = wrong + 1
    while binomial_cdf(wrong, enough, alpha) > delta:
        enough *= 2
    return bisect_left(range(enough), True, lo=wrong, key=lambda trials: binomial_cdf(wrong, trials, alpha) <= delta)


def upper_bound(wrong: int, trials: int, delta: float) -> float:
    """Return the one-sided Clopper-Pearson bound: the rate at which P(at most `wrong` of `trials`) is `delta`."""
    low = 0.0
    high = 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if binomial_cdf(wrong, trials, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def binomial_cdf(successes: int, trials: int, rate: float) -> float:
    """Return P(at most `successes` of `trials`) at a success probability of `rate`."""
    if successes >= trials or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    # Each term follows from the previous one, as logarithms, in which nothing underflows.
    log_odds = math.log(rate) - math.log1p(-rate)
    log_term = trials * math.log1p(-rate)
    total = math.exp(log_term)
    for k in range(1, successes + 1):
        log_term += math.log(trials - k + 1) - math.log(k) + log_odds
        total += math.exp(log_term)
    return min(1.0, total)
