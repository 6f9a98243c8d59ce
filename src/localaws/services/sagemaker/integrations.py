"""Step Functions' ways to SageMaker: the optimized integrations, with `.sync`, and `aws-sdk:sagemaker:*`.

Errors are named as on AWS. Optimized integrations go through Java's SDK 1 there: SageMaker.AmazonSageMakerException,
and for the API's own errors `SageMaker.<Error>Exception` (the Retry of the example in the developer guide's page
connect-sagemaker). `aws-sdk` goes through SDK 2: SageMaker.SageMakerException instead of the first. Timestamps are
milliseconds in the former and ISO 8601 in the latter. A job that does not complete is States.TaskFailed, its cause the
Describe answer as JSON.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from ministack.services import stepfunctions

from localaws import wire
from localaws.services.sagemaker import api
from localaws.services.sagemaker.errors import SageMakerError, ValidationException
from localaws.services.stepfunctions import context

OPTIMIZED = "arn:aws:states:::sagemaker:"
AWS_SDK = "arn:aws:states:::aws-sdk:sagemaker:"
# Whether `.sync` exists: the job's Describe and Stop take its name alone.
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
    """Every Resource of a Task that is served here."""
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
    return _await(noun, {f"{noun}Name": request[f"{noun}Name"]})


def _await(noun: str, name: dict[str, str]) -> dict[str, Any]:
    """The Describe answer of a job that completed. Raises States.TaskFailed for any other end."""
    is_told = False
    while True:
        described = _call(f"Describe{noun}", name, "AmazonSageMakerException", _milliseconds)
        status = described[f"{noun}Status"]
        if status == "Completed":
            return described
        if status in ("Failed", "Stopped"):
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(described))
        if not context.is_running() and not is_told:
            is_told = True
            _call(f"Stop{noun}", name, "AmazonSageMakerException", _milliseconds)
        time.sleep(_POLL_SECONDS)


def _aws_sdk(resource: str, request: dict[str, Any]) -> dict[str, Any]:
    _require_supported(resource)
    action = resource.removeprefix(AWS_SDK)
    return _call(action[:1].upper() + action[1:], request, "SageMakerException", _iso)


def _require_supported(resource: str) -> None:
    if resource not in resources():
        raise stepfunctions._ExecutionError("States.Runtime", f"The resource {resource} is not supported")


def _call(operation: str, request: dict[str, Any], generic: str, timestamp: Any) -> dict[str, Any]:
    try:
        answer = api.call(operation, request)
    except SageMakerError as error:
        name = generic if isinstance(error, ValidationException) else _exception_name(error)
        raise stepfunctions._ExecutionError(f"SageMaker.{name}", str(error)) from error
    return wire.map_timestamps(operation, answer, timestamp)


def _exception_name(error: SageMakerError) -> str:
    return error.code if error.code.endswith("Exception") else f"{error.code}Exception"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
