"""Gate: stops a release before it is registered and deployed if the model's accuracy is too low."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scones.contract.release import Evaluation
from scones.errors import ModelBelowGateError
from scones.workflow.clients import client
from scones.workflow.transient import retryable


@retryable
def handler(event: Mapping[str, Any], context: object) -> dict[str, float]:
    """Check the evaluation at `s3_bucket` and `s3_key` against `minimum_accuracy`."""
    response = client("s3").get_object(Bucket=event["s3_bucket"], Key=event["s3_key"])
    evaluation = json.loads(response["Body"].read())
    return require_accuracy(evaluation, minimum=float(event["minimum_accuracy"]))


def require_accuracy(evaluation: Evaluation, *, minimum: float) -> dict[str, float]:
    """Return the accuracy and the minimum. Raises ModelBelowGateError if the accuracy is below `minimum`."""
    accuracy = evaluation["accuracy"]
    # Not `<`, which would let NaN pass.
    if not accuracy["value"] >= minimum:
        raise ModelBelowGateError(
            f"accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f}, n={accuracy['n']}) "
            f"is below the release gate of {minimum}; nothing was deployed"
        )
    return {"accuracy": accuracy["value"], "minimum_accuracy": minimum}
