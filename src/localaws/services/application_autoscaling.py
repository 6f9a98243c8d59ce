"""Application Auto Scaling for SageMaker's endpoints: scalable targets and policies are stored, checked and listed.

Nothing is scaled by them: here a variant is one process, whatever its instance count says.
"""

from __future__ import annotations

import copy
import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import stepfunctions, tagging

from localaws import wire
from localaws.services.sagemaker import store
from localaws.wire import ApiError, UnknownOperationException, ValidationException

_SERVICE = "application-autoscaling"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")

Request = dict[str, Any]
# By ResourceId. A target's policies and tags are part of its record, so that they are deleted with it.
_targets = AccountRegionScopedDict()


class ObjectNotFoundException(ApiError):
    """Raised if a scalable target or a policy is not registered."""


class ResourceNotFoundException(ApiError):
    """Raised if no scalable target has the requested ARN."""


def register(request: Request) -> Request:
    """Register a scalable target, or change the members that the request has.

    Raises ValidationException if the resource has no instances or the capacities are not a range.
    """
    resource = request["ResourceId"]
    _require_instances(resource)
    # A later request keeps what it does not mention: tags, policies and the other capacity.
    existing = _targets.get(resource, {"CreationTime": time.time(), "_Tags": {}, "_Policies": {}})
    tags = {**existing["_Tags"], **request.pop("Tags", {})}
    target = {**existing, **request, "ScalableTargetARN": _arn(resource), "_Tags": tags}
    # Either capacity may be left out of a later request, so the merged record is checked and not the request.
    if not 0 <= target.get("MinCapacity", -1) <= target.get("MaxCapacity", -1):
        raise ValidationException(
            "MinCapacity and MaxCapacity are required, and MinCapacity must not exceed MaxCapacity"
        )
    _targets[resource] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def describe_targets(request: Request) -> Request:
    """List the targets with the requested ResourceIds, or all targets."""
    names = request.get("ResourceIds") or list(_targets)
    return {"ScalableTargets": [_public(_targets[name]) for name in names if name in _targets]}


def deregister(request: Request) -> Request:
    """Delete a target and its policies. Raises ObjectNotFoundException if it is not registered."""
    _find(request)
    del _targets[request["ResourceId"]]
    return {}


def put_policy(request: Request) -> Request:
    """Add or replace a target-tracking policy.

    Raises ObjectNotFoundException if its target is not registered, and ValidationException for any other policy type.
    """
    is_tracking = request.get("PolicyType") == "TargetTrackingScaling"
    if not is_tracking or "TargetTrackingScalingPolicyConfiguration" not in request:
        raise ValidationException("Only PolicyType TargetTrackingScaling, with its configuration, is implemented here")
    target = _find(request)
    name = request["PolicyName"]
    arn = f"{target['ScalableTargetARN'].replace('scalable-target', 'scaling-policy')}:policyName/{name}"
    policy = {**request, "PolicyARN": arn, "Alarms": [], "CreationTime": time.time()}
    _targets[request["ResourceId"]] = {**target, "_Policies": {**target["_Policies"], name: policy}}
    return {"PolicyARN": arn, "Alarms": []}


def describe_policies(request: Request) -> Request:
    """List the policies of the requested resource and of the requested names; each filter is optional."""
    policies = [policy for target in _targets.values() for policy in target["_Policies"].values()]
    resource = request.get("ResourceId")
    names = request.get("PolicyNames")
    matching = [
        policy
        for policy in policies
        if resource in (None, policy["ResourceId"]) and (not names or policy["PolicyName"] in names)
    ]
    return {"ScalingPolicies": matching}


def delete_policy(request: Request) -> Request:
    """Delete a policy. Raises ObjectNotFoundException if the target or the policy is not registered."""
    target = _find(request)
    # A copy, because a record is replaced and never changed in place.
    policies = dict(target["_Policies"])
    if policies.pop(request["PolicyName"], None) is None:
        raise ObjectNotFoundException(f"No scaling policy found: {request['PolicyName']}")
    _targets[request["ResourceId"]] = {**target, "_Policies": policies}
    return {}


def list_tags(request: Request) -> Request:
    """List a target's tags. Raises ResourceNotFoundException if no target has the ARN."""
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
    target: Request | None = _targets.get(request["ResourceId"])
    if target is None:
        raise ObjectNotFoundException(f"No scalable target found for resource ID: {request['ResourceId']}")
    return target


def _require_instances(resource: str) -> None:
    match = _RESOURCE.fullmatch(resource)
    endpoint = store.ENDPOINTS.get(match[1]) if match else None
    variants = {variant["VariantName"]: variant for variant in (endpoint or {}).get("ProductionVariants", [])}
    # Only variants on instances have DesiredInstanceCount; serverless variants scale without targets.
    if not match or "DesiredInstanceCount" not in variants.get(match[2], {}):
        raise ValidationException(f"{resource} is not a variant that runs on instances of an endpoint here")


def _arn(resource: str) -> str:
    # AWS's identifier is random. A digest gives a target the same ARN when it is registered again.
    digest = hashlib.sha256(resource.encode()).hexdigest()[:34]
    return f"arn:aws:{_SERVICE}:{get_region()}:{get_account_id()}:scalable-target/{digest}"


def _public(target: Request) -> Request:
    role = "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    arn = f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{role}"
    return {"RoleARN": arn, **{key: value for key, value in target.items() if not key.startswith("_")}}


def call(operation: str, request: Request) -> Request:
    """Run one operation; timestamps are seconds since the epoch. Raises ApiError as AWS would."""
    implementation = _OPERATIONS.get(operation)
    if implementation is None:
        raise UnknownOperationException(f"{operation} is not implemented by this local Application Auto Scaling")
    members = wire.drop_nulls(request)
    wire.validate(_SERVICE, operation, members)
    # The model allows the namespaces of all of AWS.
    for member, supported in (("ServiceNamespace", "sagemaker"), ("ScalableDimension", _DIMENSION)):
        if members.get(member, supported) != supported:
            raise ValidationException(f"{member} {members[member]!r} is not implemented here, only {supported!r} is")
    return implementation(members)


async def handle_request(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: object
) -> wire.Answer:
    """Answer an HTTP request; the engine's entry point."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        return wire.json_answer(call(operation, wire.parse(body)))
    except ApiError as error:
        return wire.error_answer(error)


def get_state() -> dict[str, Any]:
    """Return what the engine's persistence saves."""
    # A deep copy: the engine writes it to disk while requests go on.
    return {"targets": copy.deepcopy(_targets)}


def load_persisted_state(data: dict[str, Any]) -> None:
    """Restore what `get_state` returned."""
    _targets.update(data.get("targets") or {})


def reset() -> None:
    """Delete every target, for the engine's own reset."""
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
    tagging._COLLECTORS[_SERVICE] = _collect_tags


def _collect_tags() -> Iterator[tuple[str, list[dict[str, str]]]]:
    for target in list(_targets.values()):
        yield target["ScalableTargetARN"], [{"Key": key, "Value": value} for key, value in target["_Tags"].items()]
