"""Training images to check, by their out-of-fold predictions: likely label errors, and outliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Audit, LabelIssue, Outlier
from scones.model.inference.classifier import softmax
from scones.model.inference.dataset import Dataset
from scones.model.uncertainty import novelty

MAX_LISTED = 50


def audit(data: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> Audit:
    """Return the images of `data` to check; `logits` [n, outputs] are out-of-fold, in the order of the images."""
    issues = label_issues(data, classes, logits)
    issue_keys = {issue["key"] for issue in issues}
    others = [outlier for outlier in outliers(data, classes, logits, novelty_cut) if outlier["key"] not in issue_keys]
    return Audit(label_issues=issues, outliers=others)


def outliers(data: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> list[Outlier]:
    """Return at most `MAX_LISTED` images of the classes above the novelty cut, by descending novelty."""
    scores = novelty.score(logits.astype(np.float64), len(classes))
    is_outlier = (data.labels < len(classes)) & (scores > novelty_cut)
    by_novelty = np.argsort(-scores, kind="stable")
    indices = by_novelty[is_outlier[by_novelty]][:MAX_LISTED]
    return [
        Outlier(key=data.keys[index], label=classes[data.labels[index]], novelty=float(scores[index]))
        for index in indices
    ]


def label_issues(data: Dataset, classes: list[str], logits: NDArray[np.float32]) -> list[LabelIssue]:
    """Return at most `MAX_LISTED` images whose label the prediction contradicts, the least probable label first."""
    # Negatives are included: one that looks like a class may show it.
    names = [*classes, "neither"]
    probabilities = softmax(logits.astype(np.float64))
    label_probability = probabilities[np.arange(len(data.labels)), data.labels]
    predicted = probabilities.argmax(1)
    return [
        LabelIssue(
            key=data.keys[index],
            label=names[data.labels[index]],
            predicted=names[predicted[index]],
            probability=float(label_probability[index]),
        )
        for index in np.argsort(label_probability, kind="stable")[:MAX_LISTED]
        if predicted[index] != data.labels[index]
    ]
