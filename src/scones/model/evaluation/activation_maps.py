"""Class activation maps for the test images that a reader of the report should look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import Prediction
from scones.model.inference.classifier import Classifier

# Beside the wrong predictions, so many correct ones get a map: those of the lowest confidence.
UNCERTAIN_COUNT = 12


def add_maps(predictions: list[Prediction], classifier: Classifier, pixels: NDArray[np.float32]) -> None:
    """Add a `map` to each wrong or uncertain prediction; `pixels` [n, 3, size, size] are in the predictions' order."""
    indices = indices_for_maps(predictions)
    if not indices:
        return
    classes = classifier.description["classes"]
    activations = classifier.activation_maps(pixels[indices])
    for index, class_maps in zip(indices, activations, strict=True):
        prediction = predictions[index]
        prediction["map"] = relative_map(class_maps, classes.index(prediction["predicted"]))


def indices_for_maps(predictions: list[Prediction]) -> list[int]:
    """Return the indices of all wrong predictions, then of the `UNCERTAIN_COUNT` least confident correct ones."""
    is_correct = [prediction["predicted"] == prediction["truth"] for prediction in predictions]
    wrong = [index for index in range(len(predictions)) if not is_correct[index]]
    correct = [index for index in range(len(predictions)) if is_correct[index]]
    correct.sort(key=lambda index: max(predictions[index]["probabilities"]))
    return wrong + correct[:UNCERTAIN_COUNT]


def relative_map(maps: NDArray[np.float32], label: int) -> list[list[float]]:
    """Return the map of one class, of [classes, side, side], relative to the mean over the classes, within [-1, 1]."""
    # A constant that is added to all logits does not change the softmax, so that only the difference to the mean
    # is evidence for or against the class.
    relative = maps[label].astype(np.float64) - maps.mean(0)
    scale = max(float(np.abs(relative).max()), 1e-9)
    return [[round(float(value), 2) for value in row] for row in relative / scale]
