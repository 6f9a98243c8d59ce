"""Filter: lets a confident answer pass and raises on any other, so that a person decides."""

from __future__ import annotations

import math
import os

from scones.contract import Envelope, ImageData
from scones.errors import EventError, ThresholdConfidenceNotMet
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    return envelope(require_confidence(parse_image_data(event), threshold=float(os.environ["THRESHOLD"])))


def require_confidence(data: ImageData, *, threshold: float) -> ImageData:
    """Return the data object unchanged if its highest probability is at least `threshold`.

    Raises ThresholdConfidenceNotMet, whose message begins THRESHOLD_CONFIDENCE_NOT_MET as in the course, and EventError
    where there are no probabilities.
    """
    inferences = data["inferences"]
    if not inferences or not all(math.isfinite(p) for p in inferences):
        raise EventError("inferences holds no probabilities; Filter comes after Classify")
    confidence = max(inferences)
    if confidence < threshold:
        raise ThresholdConfidenceNotMet(f"THRESHOLD_CONFIDENCE_NOT_MET: {confidence:.4f} is below {threshold}")
    return data
