"""Where the network looked, for the test images that are worth a look. Part of `evaluate`; explains, judges nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Prediction
from scones.model.inference.classifier import Classifier

LEAST_CERTAIN = 12


def add_maps(predictions: list[Prediction], classifier: Classifier, pixels: NDArray[np.float32]) -> None:
    """Give the predictions that are wrong or least certain their `map`; `pixels` [n, 3, size, size] in their order."""
    chosen = worth_a_look(predictions)
    if not chosen:
        return
    maps = classifier.activation_maps(pixels[chosen])
    for index, each in zip(chosen, maps, strict=True):
        label = classifier.description["classes"].index(predictions[index]["predicted"])
        predictions[index]["map"] = evidence(each, label)


def worth_a_look(predictions: list[Prediction]) -> list[int]:
    """The positions of all that are wrong, and of the `LEAST_CERTAIN` of the others."""
    wrong = [i for i, one in enumerate(predictions) if one["predicted"] != one["truth"]]
    right = [i for i, one in enumerate(predictions) if one["predicted"] == one["truth"]]
    return wrong + sorted(right, key=lambda i: max(predictions[i]["probabilities"]))[:LEAST_CERTAIN]


def evidence(maps: NDArray[np.float32], label: int) -> list[list[float]]:
    """The map of one class out of [classes, side, side], scaled into [-1, 1].

    What all classes share is taken off: a softmax does not see it.
    """
    own = maps[label].astype(np.float64) - maps.mean(0)
    return [[round(float(value), 2) for value in row] for row in own / max(float(np.abs(own).max()), 1e-9)]
