"""Pictures worth a second look, by their out-of-fold answers: unlikely labels, odd ones. Lists them; moves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Audit, OddOne, Suspect
from scones.model.inference.classifier import softmax
from scones.model.inference.dataset import Dataset
from scones.model.uncertainty import novelty

MOST = 50


def audit(pictures: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> Audit:
    """`logits` [n, outputs] are out-of-fold, in the order of the pictures."""
    listed = suspects(pictures, classes, logits)
    known = {suspect["key"] for suspect in listed}
    return Audit(
        suspects=listed, odd=[one for one in odd(pictures, classes, logits, novelty_cut) if one["key"] not in known]
    )


def odd(pictures: Dataset, classes: list[str], logits: NDArray[np.float32], novelty_cut: float) -> list[OddOne]:
    """At most `MOST` pictures of the classes that are above the novelty cut, the strangest first."""
    strangeness = novelty.score(logits.astype(np.float64), len(classes))
    return [
        OddOne(key=pictures.keys[i], label=classes[pictures.labels[i]], novelty=float(strangeness[i]))
        for i in np.argsort(-strangeness, kind="stable")
        if pictures.labels[i] < len(classes) and strangeness[i] > novelty_cut
    ][:MOST]


def suspects(pictures: Dataset, classes: list[str], logits: NDArray[np.float32]) -> list[Suspect]:
    """At most `MOST`, the least believable label first.

    Pictures of other things are judged too: one that looks like a class may be one.
    """
    names = [*classes, "neither"]
    probabilities = softmax(logits.astype(np.float64))
    given = probabilities[np.arange(len(pictures.labels)), pictures.labels]
    guesses = probabilities.argmax(1)
    return [
        Suspect(
            key=pictures.keys[i],
            label=names[pictures.labels[i]],
            predicted=names[guesses[i]],
            probability=float(given[i]),
        )
        for i in np.argsort(given, kind="stable")[:MOST]
        if guesses[i] != pictures.labels[i]
    ]
