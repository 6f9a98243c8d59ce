"""The Resources of a Task that this engine really calls, by ministack's own tables, which extensions add to."""

from __future__ import annotations

import re

from ministack.services import stepfunctions as engine

_OPTIMIZED = "arn:aws:states:::"
_CALLBACK = re.compile(r"lambda:invoke|sqs:sendMessage|sns:publish|events:putEvents|ecs:runTask|states:startExecution")
_OWN = re.compile(r"arn:aws:(lambda:[a-z0-9-]+:\d{12}:function:[\w$:-]+|states:[a-z0-9-]+:\d{12}:activity:.+)")
_SDK = re.compile(r"aws-sdk:([a-z0-9]+):([a-z]\w*)")
_NESTED = re.compile(r"states:startExecution(\.sync(:2)?)?")
# REST services have no table of operations in ministack; of these it calls Lambda, and these operations only.
_LAMBDA_READS = {"getAlias", "getFunction", "getFunctionConfiguration"}
_LAMBDA_WRITES = {"createFunction", "updateFunctionConfiguration", "updateFunctionCode", "createAlias", "updateAlias"}


def is_supported(resource: str) -> bool:
    """Return whether the engine has the integration with this pattern (`.sync`, `.waitForTaskToken`)."""
    if _OWN.fullmatch(resource):
        return True
    if not resource.startswith(_OPTIMIZED):
        return False
    integration = resource.removeprefix(_OPTIMIZED)
    if integration.endswith(".waitForTaskToken"):
        return bool(_CALLBACK.fullmatch(integration.removesuffix(".waitForTaskToken")))
    if integration == "lambda:invoke" or _NESTED.fullmatch(integration):
        return True
    sdk = _SDK.fullmatch(integration)
    if sdk:
        return _has_operation(sdk[1], sdk[2])
    return integration == "ecs:runTask.sync" or resource in engine._SERVICE_DISPATCH


def _has_operation(service: str, operation: str) -> bool:
    about = engine._AWS_SDK_SERVICE_MAP.get(service)
    if about is None:
        return False
    if about["protocol"] == "rest-xml":
        return operation[0].upper() + operation[1:] in engine._REST_XML_OP_SPECS[about["service_key"]]
    return about["protocol"] != "rest" or operation in _LAMBDA_READS | _LAMBDA_WRITES
