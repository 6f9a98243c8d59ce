"""Likely label errors: pictures whose folder the out-of-fold answer contradicts. Lists them; moves nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.model.classifier import softmax
from scones.model.dataset import Dataset
from scones.results import Suspect

MOST = 50


def suspects(pictures: Dataset, classes: list[str], logits: NDArray[np.float32]) -> list[Suspect]:
    """At most `MOST`, the least believable label first; `logits` [n, outputs] are out-of-fold.

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
