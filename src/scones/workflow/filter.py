"""Filter: passes a prediction that is accepted and raises on any other, so that a person decides.

If THRESHOLD is set in the environment, a prediction of any model is accepted from that confidence on. If it is empty,
the model's own decision counts, which uses its certified thresholds.
"""

from __future__ import annotations

import math
import os

from scones.contract.delivery import Envelope, ImageData
from scones.errors import PredictionError, ThresholdConfidenceNotMet
from scones.workflow.arrival.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    """Filter the prediction of a data object. Reads THRESHOLD from the environment."""
    threshold = os.environ["THRESHOLD"]
    data = parse_image_data(event)
    return envelope(require_confidence(data, threshold=float(threshold) if threshold else None))


def require_confidence(data: ImageData, *, threshold: float | None) -> ImageData:
    """Return the data object unchanged if its prediction is accepted.

    That is, if its highest probability is at least `threshold`, or, with a threshold of None, if its `decision` is
    "accept". Raises ThresholdConfidenceNotMet, whose message starts with THRESHOLD_CONFIDENCE_NOT_MET as in the
    course, if it is not accepted, and PredictionError if it has no probabilities, or neither threshold nor decision.
    """
    inferences = data["inferences"]
    # A NaN passes no comparison, so that `max` would depend on the order of the classes.
    if not inferences or not all(math.isfinite(probability) for probability in inferences):
        raise PredictionError("inferences has no probabilities; run Classify before Filter")
    confidence = max(inferences)
    if threshold is None:
        _require_acceptance(data, confidence)
    elif confidence < threshold:
        raise ThresholdConfidenceNotMet(f"THRESHOLD_CONFIDENCE_NOT_MET: {confidence:.4f} is below {threshold}")
    return data


def _require_acceptance(data: ImageData, confidence: float) -> None:
    if "decision" not in data:
        raise PredictionError("the endpoint returned no decision; set `threshold` in scones.toml and deploy again")
    if data["decision"] != "accept":
        raise ThresholdConfidenceNotMet(
            f"THRESHOLD_CONFIDENCE_NOT_MET: the model does not accept it at {confidence:.4f}"
        )
