"""Training images that may need a person, by their out-of-fold predictions: likely label errors and outliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Audit, LabelIssue, Outlier
from scones.model.inference.classifier import softmax
from scones.model.inference.dataset import Dataset
from scones.model.uncertainty import novelty

MOST = 50


def audit(pictures: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> Audit:
    """`logits` [n, outputs] are out-of-fold, in the order of the pictures."""
    listed = label_issues(pictures, classes, logits)
    known = {issue["key"] for issue in listed}
    return Audit(
        label_issues=listed,
        outliers=[one for one in outliers(pictures, classes, logits, novelty_cut) if one["key"] not in known],
    )


def outliers(pictures: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> list[Outlier]:
    """At most `MOST` pictures of the classes that are above the novelty cut, the strangest first."""
    strangeness = novelty.score(logits.astype(np.float64), len(classes))
    return [
        Outlier(key=pictures.keys[i], label=classes[pictures.labels[i]], novelty=float(strangeness[i]))
        for i in np.argsort(-strangeness, kind="stable")
        if pictures.labels[i] < len(classes) and strangeness[i] > novelty_cut
    ][:MOST]


def label_issues(pictures: Dataset, classes: list[str], logits: NDArray[np.float32]) -> list[LabelIssue]:
    """At most `MOST`, the least believable label first.

    Pictures of other things are judged too: one that looks like a class may be one.
    """
    names = [*classes, "neither"]
    probabilities = softmax(logits.astype(np.float64))
    given = probabilities[np.arange(len(pictures.labels)), pictures.labels]
    guesses = probabilities.argmax(1)
    return [
        LabelIssue(
            key=pictures.keys[i],
            label=names[pictures.labels[i]],
            predicted=names[guesses[i]],
            probability=float(given[i]),
        )
        for i in np.argsort(given, kind="stable")[:MOST]
        if guesses[i] != pictures.labels[i]
    ]
