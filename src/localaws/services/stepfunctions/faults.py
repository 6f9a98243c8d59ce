"""Faults of the calls that Step Functions' tasks make: the errors that the integrations raise on AWS.

Optimized integrations use version 1 of the Java SDK and `aws-sdk` version 2: an error that the service's model does
not name has the SDK's class for the service. A connection that breaks is SdkClientException in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from botocore.exceptions import UnknownServiceError
from ministack.services import stepfunctions as engine

from localaws.faults.errors import ANSWERED, error_code, error_message
from localaws.faults.injector import Injector
from localaws.faults.operations import Operation
from localaws.faults.rules import Call
from localaws.wire import service_model

Invoke = Callable[[str, object], object]

_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:\d{12}:function:.+")
_INTEGRATION = re.compile(r"arn:[^:]+:states:::(aws-sdk:)?([a-z0-9-]+):(\w+)(\..+)?")
# The integrations' names of services that boto3 names otherwise.
_BOTO3 = {
    "states": "stepfunctions",
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "applicationautoscaling": "application-autoscaling",
}
# The prefix of `aws-sdk:sagemaker`, which ministack does not have.
_SDK_PREFIXES = {"sagemaker": "SageMaker"}
# boto3's name -> the prefix of an optimized integration's errors, and the class of the errors without a name.
_OPTIMIZED = {
    "lambda": ("Lambda", "AWSLambdaException"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDBException"),
    "sagemaker": ("SageMaker", "AmazonSageMakerException"),
    "stepfunctions": ("StepFunctions", "AWSStepFunctionsException"),
    "sqs": ("SQS", "AmazonSQSException"),
    "sns": ("SNS", "AmazonSNSException"),
    "events": ("EventBridge", "AmazonEventBridgeException"),
}


class TaskCall(NamedTuple):
    """The call of a task; `prefix` begins the names of its errors, `unnamed` is the class of errors without a name."""

    service: str
    operation: str
    prefix: str
    unnamed: str


def failing(invoke: Invoke, injector: Injector) -> Invoke:
    """Return `invoke`, which runs a Task's call by its Resource, with the faults of `injector`."""

    def invoke_or_fail(resource: str, arguments: object) -> object:
        call = task_call(resource) if injector.is_armed else None
        kind = injector.take(Call("state-machine", call.service, call.operation)) if call else None
        if call is None or kind is None:
            return invoke(resource, arguments)
        if kind == "lost-answer":
            # Only the call itself: a task that waits for a job has not begun to wait when the answer is lost.
            invoke(resource.partition(".sync")[0], arguments)
        raise engine._ExecutionError(error_name(call, kind), _cause(kind))

    return invoke_or_fail


def task_call(resource: str) -> TaskCall | None:
    """Return the call behind a Task's Resource, or None for one that calls no service, such as an activity."""
    if _FUNCTION.fullmatch(resource):
        return TaskCall("lambda", "Invoke", *_OPTIMIZED["lambda"])
    parts = _INTEGRATION.fullmatch(resource)
    if parts is None:
        return None
    service = _BOTO3.get(parts[2], parts[2])
    operation = parts[3][0].upper() + parts[3][1:]
    if parts[1] or service not in _OPTIMIZED:
        prefix = {**_SDK_PREFIXES, **engine._AWS_SDK_ERROR_PREFIX}.get(parts[2], parts[2].capitalize())
        return TaskCall(service, operation, prefix, f"{prefix}Exception")
    return TaskCall(service, operation, *_OPTIMIZED[service])


def error_name(call: TaskCall, kind: str) -> str:
    """Return the name of the error that the task ends with."""
    if kind not in ANSWERED:
        return f"{call.prefix}.SdkClientException"
    code = error_code(Operation(call.service, call.operation, ""), kind)
    if code not in _modelled_codes(call.service):
        return f"{call.prefix}.{call.unnamed}"
    # Java's SDKs append "Exception" to InternalServerError.
    return f"{call.prefix}.{code if code.endswith('Exception') else f'{code}Exception'}"


def _modelled_codes(service: str) -> set[str]:
    try:
        shapes = service_model(service).error_shapes
    except UnknownServiceError:
        return set()
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


def _cause(kind: str) -> str:
    if kind in ANSWERED:
        return error_message(kind)
    return f"Unable to execute HTTP request: {kind} (injected by localaws)"
