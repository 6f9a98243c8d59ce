"""Filter: lets a confident answer pass and raises on any other, so that a person decides.

Whose word counts is the environment's to say: with THRESHOLD it is that confidence, for any model; where THRESHOLD is
empty it is the model's own decision, by the thresholds that it was certified with.
"""

from __future__ import annotations

import math
import os

from scones.contract.delivery import Envelope, ImageData
from scones.errors import PredictionError, ThresholdConfidenceNotMet
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    threshold = os.environ["THRESHOLD"]
    return envelope(require_confidence(parse_image_data(event), threshold=float(threshold) if threshold else None))


def require_confidence(data: ImageData, *, threshold: float | None) -> ImageData:
    """Return the data object unchanged if its highest probability is at least `threshold`, or if the model accepts it.

    Raises ThresholdConfidenceNotMet, whose message begins THRESHOLD_CONFIDENCE_NOT_MET as in the course, or
    PredictionError
    where there are no probabilities, or neither a threshold nor a decision of the model's.
    """
    inferences = data["inferences"]
    if not inferences or not all(math.isfinite(p) for p in inferences):
        raise PredictionError("inferences holds no probabilities; Filter comes after Classify")
    confidence = max(inferences)
    if threshold is None and "decision" not in data:
        raise PredictionError("the endpoint gave no decision; set `threshold` in scones.toml and deploy again")
    if threshold is None and data["decision"] != "accept":
        raise ThresholdConfidenceNotMet(
            f"THRESHOLD_CONFIDENCE_NOT_MET: the model does not accept it at {confidence:.4f}"
        )
    if threshold is not None and confidence < threshold:
        raise ThresholdConfidenceNotMet(f"THRESHOLD_CONFIDENCE_NOT_MET: {confidence:.4f} is below {threshold}")
    return data
