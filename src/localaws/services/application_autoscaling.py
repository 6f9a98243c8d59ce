"""Application Auto Scaling for SageMaker's endpoints: targets and policies are kept, checked and listed.

Nothing is scaled by them: here a variant is one process, whatever its instance count says.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from ministack import app
from ministack.core import router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import stepfunctions, tagging

from localaws.services.sagemaker import store

_SERVICE = "application-autoscaling"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")

Request = dict[str, Any]
# By ResourceId; a target's policies and tags are in its record, and go with it.
_targets = AccountRegionScopedDict()


class AutoScalingError(Exception):
    """Base of the errors that this API answers with; a class's name is the code that AWS sends."""


class ValidationException(AutoScalingError):
    """A request that is malformed, or a resource that cannot be scaled."""


class ObjectNotFoundException(AutoScalingError):
    """No such target or policy is registered."""


class ResourceNotFoundException(AutoScalingError):
    """No target has this ARN."""


class UnknownOperationException(AutoScalingError):
    """An operation that is not here."""


def register(request: Request) -> Request:
    """Add a target, or replace what the request says of one. Raises ValidationException where nothing can scale."""
    resource = request["ResourceId"]
    _require_instances(resource)
    known = _targets.get(resource, {"CreationTime": time.time(), "_Tags": {}, "_Policies": {}})
    tags = {**known["_Tags"], **request.pop("Tags", {})}
    target = {**known, **request, "ScalableTargetARN": _arn(resource), "_Tags": tags}
    if not 0 <= target.get("MinCapacity", -1) <= target.get("MaxCapacity", -1):
        raise ValidationException("MinCapacity and MaxCapacity are needed, and the first must not exceed the second")
    _targets[resource] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def describe_targets(request: Request) -> Request:
    wanted = request.get("ResourceIds") or list(_targets)
    return {"ScalableTargets": [_public(_targets[name]) for name in wanted if name in _targets]}


def deregister(request: Request) -> Request:
    """Drop a target with its policies. Raises ObjectNotFoundException."""
    _find(request)
    del _targets[request["ResourceId"]]
    return {}


def put_policy(request: Request) -> Request:
    """Add or replace a target-tracking policy of a target. Raises ObjectNotFoundException, ValidationException."""
    if (
        request.get("PolicyType") != "TargetTrackingScaling"
        or "TargetTrackingScalingPolicyConfiguration" not in request
    ):
        raise ValidationException("Only PolicyType TargetTrackingScaling, with its configuration, is implemented here")
    target, name = _find(request), request["PolicyName"]
    arn = f"{target['ScalableTargetARN'].replace('scalable-target', 'scaling-policy')}:policyName/{name}"
    policy = {**request, "PolicyARN": arn, "Alarms": [], "CreationTime": time.time()}
    _targets[request["ResourceId"]] = {**target, "_Policies": {**target["_Policies"], name: policy}}
    return {"PolicyARN": arn, "Alarms": []}


def describe_policies(request: Request) -> Request:
    policies = [policy for target in _targets.values() for policy in target["_Policies"].values()]
    matching = [
        policy for policy in policies if policy["ResourceId"] == request.get("ResourceId", policy["ResourceId"])
    ]
    names = request.get("PolicyNames") or [policy["PolicyName"] for policy in matching]
    return {"ScalingPolicies": [policy for policy in matching if policy["PolicyName"] in names]}


def delete_policy(request: Request) -> Request:
    """Raises ObjectNotFoundException."""
    target = _find(request)
    policies = dict(target["_Policies"])
    if policies.pop(request["PolicyName"], None) is None:
        raise ObjectNotFoundException(f"No scaling policy found: {request['PolicyName']}")
    _targets[request["ResourceId"]] = {**target, "_Policies": policies}
    return {}


def list_tags(request: Request) -> Request:
    """Raises ResourceNotFoundException."""
    for target in _targets.values():
        if target["ScalableTargetARN"] == request["ResourceARN"]:
            return {"Tags": target["_Tags"]}
    raise ResourceNotFoundException(f"No scalable target has the ARN {request['ResourceARN']}")


_OPERATIONS: dict[str, Callable[[Request], Request]] = {
    "RegisterScalableTarget": register,
    "DescribeScalableTargets": describe_targets,
    "DeregisterScalableTarget": deregister,
    "PutScalingPolicy": put_policy,
    "DescribeScalingPolicies": describe_policies,
    "DeleteScalingPolicy": delete_policy,
    "ListTagsForResource": list_tags,
}


def _find(request: Request) -> Request:
    found: Request | None = _targets.get(request["ResourceId"])
    if found is None:
        raise ObjectNotFoundException(f"No scalable target found for resource ID: {request['ResourceId']}")
    return found


def _require_instances(resource: str) -> None:
    name = _RESOURCE.fullmatch(resource)
    endpoint = store.ENDPOINTS.get(name[1]) if name else None
    variants = {variant["VariantName"]: variant for variant in (endpoint or {}).get("ProductionVariants", [])}
    if not name or "DesiredInstanceCount" not in variants.get(name[2], {}):
        raise ValidationException(f"{resource} is no variant of an endpoint here that runs on instances")


def _arn(resource: str) -> str:
    digest = hashlib.sha256(resource.encode()).hexdigest()[:34]
    return f"arn:aws:{_SERVICE}:{get_region()}:{get_account_id()}:scalable-target/{digest}"


def _public(target: Request) -> Request:
    role = "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    arn = f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{role}"
    return {"RoleARN": arn, **{key: value for key, value in target.items() if not key.startswith("_")}}


def call(operation: str, request: Request) -> Request:
    """Run one operation; timestamps are seconds since the epoch. Raises AutoScalingError."""
    implementation = _OPERATIONS.get(operation)
    if implementation is None:
        raise UnknownOperationException(f"{operation} is not implemented by this local Application Auto Scaling")
    report = ParamValidator().validate(request, _service_model().operation_model(operation).input_shape)
    if report.has_errors():
        raise ValidationException(report.generate_report())
    for member, only in (("ServiceNamespace", "sagemaker"), ("ScalableDimension", _DIMENSION)):
        if request.get(member, only) != only:
            raise ValidationException(f"{member} {request[member]!r} is not implemented here, only {only!r} is")
    return implementation(dict(request))


@cache
def _service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model(_SERVICE)


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: object
) -> tuple[int, dict[str, str], bytes]:
    """The engine's entry point."""
    try:
        request = json.loads(body or b"{}")
        answer = call(headers.get("x-amz-target", "").rpartition(".")[2], request)
    except (ValueError, RecursionError) as error:
        return _refusal(ValidationException(f"The request body is not JSON: {error}"))
    except AutoScalingError as error:
        return _refusal(error)
    return 200, {"content-type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _refusal(error: AutoScalingError) -> tuple[int, dict[str, str], bytes]:
    code = type(error).__name__
    body = json.dumps({"__type": code, "message": str(error)}).encode()
    return 400, {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}, body


def get_state() -> dict[str, Any]:
    return {"targets": copy.deepcopy(_targets)}


def load_persisted_state(data: dict[str, Any]) -> None:
    _targets.update(data.get("targets") or {})


def reset() -> None:
    _targets.clear()


def install() -> None:
    """Register the service with the engine, its state machines and its tagging."""
    app._loaded_modules["application_autoscaling"] = sys.modules[__name__]
    app._state_map[_SERVICE] = "application_autoscaling"
    app.SERVICE_REGISTRY[_SERVICE] = {"module": "application_autoscaling"}
    app.SERVICE_HANDLERS[_SERVICE] = handle_request
    router.SERVICE_PATTERNS[_SERVICE] = {"target_prefixes": ["AnyScaleFrontendService."]}
    stepfunctions._AWS_SDK_SERVICE_MAP["applicationautoscaling"] = {
        "target_prefix": "AnyScaleFrontendService",
        "protocol": "json",
        "service_key": _SERVICE,
    }
    stepfunctions._AWS_SDK_ERROR_PREFIX["applicationautoscaling"] = "ApplicationAutoScaling"
    tagging._COLLECTORS[_SERVICE] = _tags


def _tags() -> Iterator[tuple[str, list[dict[str, str]]]]:
    for target in list(_targets.values()):
        yield target["ScalableTargetARN"], [{"Key": key, "Value": value} for key, value in target["_Tags"].items()]
