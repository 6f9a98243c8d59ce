"""Gate: stops a release whose model was evaluated below the bar, before anything of it is deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scones.contract.release import Evaluation
from scones.errors import ModelBelowGateError
from scones.workflow.clients import client


def handler(event: Mapping[str, Any], context: object) -> dict[str, float]:
    stored = client("s3").get_object(Bucket=event["s3_bucket"], Key=event["s3_key"])
    return require_accuracy(json.loads(stored["Body"].read()), minimum=float(event["minimum_accuracy"]))


def require_accuracy(evaluation: Evaluation, *, minimum: float) -> dict[str, float]:
    """Return the accuracy and its bar. Raises ModelBelowGateError where the accuracy is below `minimum`."""
    accuracy = evaluation["accuracy"]
    if not accuracy["value"] >= minimum:
        raise ModelBelowGateError(
            f"accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f}, n={accuracy['n']}) "
            f"is below the release gate of {minimum}; nothing was deployed"
        )
    return {"accuracy": accuracy["value"], "minimum_accuracy": minimum}
