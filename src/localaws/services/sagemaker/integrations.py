"""Step Functions' integrations with SageMaker: the optimized ones, with `.sync`, and `aws-sdk:sagemaker:*`.

Errors are named as on AWS, where optimized integrations use version 1 of the Java SDK and `aws-sdk` version 2. A
validation error is SageMaker.AmazonSageMakerException in the former and SageMaker.SageMakerException in the latter;
other errors are `SageMaker.<Error>Exception` in both, as in the Retry of the developer guide's page connect-sagemaker.
Timestamps are milliseconds in the former and ISO 8601 in the latter. A job that does not complete raises
States.TaskFailed, with the Describe answer as JSON for its cause.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.services import stepfunctions

from localaws import wire
from localaws.services.sagemaker import api
from localaws.services.stepfunctions import context
from localaws.wire import ApiError, ValidationException

OPTIMIZED = "arn:aws:states:::sagemaker:"
AWS_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
# Whether the action has `.sync`, which needs a job whose Describe and Stop take its name alone.
_OPTIMIZED_ACTIONS = {
    "createTrainingJob": True,
    "createProcessingJob": True,
    "createTransformJob": True,
    "createModel": False,
    "createEndpointConfig": False,
    "createEndpoint": False,
    "updateEndpoint": False,
}
_MANAGED_TAG = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
_POLL_SECONDS = 0.1


def install() -> None:
    """Add SageMaker to the engine's integrations."""
    # By prefix, which the engine looks at before its own aws-sdk integration.
    stepfunctions._SERVICE_DISPATCH[OPTIMIZED] = _optimized
    stepfunctions._SERVICE_DISPATCH[AWS_SDK] = _aws_sdk


def resources() -> frozenset[str]:
    """Return every Resource of a Task that is implemented here."""
    optimized = {f"{OPTIMIZED}{action}" for action in _OPTIMIZED_ACTIONS}
    synchronous = {f"{OPTIMIZED}{action}.sync" for action, has_sync in _OPTIMIZED_ACTIONS.items() if has_sync}
    sdk = {f"{AWS_SDK}{name[:1].lower()}{name[1:]}" for name in api.operations()}
    return frozenset(optimized | synchronous | sdk)


def _optimized(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    _require_supported(resource)
    action, _, pattern = resource.removeprefix(OPTIMIZED).partition(".")
    operation = action[:1].upper() + action[1:]
    if not pattern:
        return _call(operation, request, "AmazonSageMakerException", _milliseconds)
    noun = operation.removeprefix("Create")
    request = {**request, "Tags": [*(request.get("Tags") or []), _MANAGED_TAG]}
    _call(operation, request, "AmazonSageMakerException", _milliseconds)
    return _wait_for_job(noun, {f"{noun}Name": request[f"{noun}Name"]})


def _wait_for_job(noun: str, name: dict[str, str], sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Return the Describe answer of a job that completed. Raises States.TaskFailed if it failed or was stopped."""
    is_stop_requested = False
    # Ends with the job, whose run time or invocations have limits of their own.
    while True:
        described = _call(f"Describe{noun}", name, "AmazonSageMakerException", _milliseconds)
        status = described[f"{noun}Status"]
        if status == "Completed":
            return described
        if status in ("Failed", "Stopped"):
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(described))
        # An execution that was stopped or timed out stops its job, as on AWS.
        if not context.is_running() and not is_stop_requested:
            is_stop_requested = True
            _call(f"Stop{noun}", name, "AmazonSageMakerException", _milliseconds)
        sleep(_POLL_SECONDS)


def _aws_sdk(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    _require_supported(resource)
    action = resource.removeprefix(AWS_SDK)
    return _call(action[:1].upper() + action[1:], request, "SageMakerException", _iso_8601)


def _require_supported(resource: str) -> None:
    if resource not in resources():
        raise stepfunctions._ExecutionError("States.Runtime", f"The resource {resource} is not supported")


def _call(
    operation: str, request: dict[str, Any], validation_error: str, convert_timestamp: Callable[[float], object]
) -> dict[str, Any]:
    try:
        answer = api.call(operation, request)
    except ApiError as error:
        name = validation_error if isinstance(error, ValidationException) else _exception_name(error)
        raise stepfunctions._ExecutionError(f"SageMaker.{name}", str(error)) from error
    return wire.map_timestamps("sagemaker", operation, answer, convert_timestamp)


def _exception_name(error: ApiError) -> str:
    # Java's SDKs append "Exception" to ResourceInUse, but not to ConflictException.
    return error.code if error.code.endswith("Exception") else f"{error.code}Exception"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _iso_8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
