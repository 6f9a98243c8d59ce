"""Endpoints: their life from Creating to deletion. What serves them is in `hosting`.

An endpoint keeps what it needs of its models, so that these and its configuration may be deleted while it serves.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from localaws.services.sagemaker import checks, store, tags
from localaws.services.sagemaker.errors import ValidationException
from localaws.services.sagemaker.hosting import blue_green, capture, endpoint_configs, models
from localaws.services.sagemaker.hosting.serving_container import STARTUP_SECONDS
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import ENDPOINTS, Record

_LONGEST_REASON = 1024
# What changes with an endpoint's configuration.
_SERVED = ("EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "_Capture", "_Variants")
_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def create_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Raises ValidationException for a name that exists or a configuration that does not."""
    checks.refuse(request, "DeploymentConfig")
    name = request["EndpointName"]
    arn = store.arn("endpoint", name)
    if name in ENDPOINTS:
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    config = endpoint_configs.find(request["EndpointConfigName"])
    ENDPOINTS[name] = {
        "_Arn": arn,
        "EndpointName": name,
        "EndpointArn": arn,
        "CreationTime": time.time(),
        **_served(config),
    }
    tags.put(arn, request.get("Tags", []))
    _deploy(name, ENDPOINTS[name], "Creating", "Failed")
    return {"EndpointArn": arn}


def update_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Blue/green: the old servers answer until the new ones are healthy; where they never are, the old ones stay."""
    checks.refuse(request, "DeploymentConfig", "ExcludeRetainedVariantProperties", "RetainAllVariantProperties")
    record = find(request["EndpointName"])
    _require_settled(record)
    if record["EndpointStatus"] != "InService":
        raise ValidationException(f'Cannot update endpoint "{record["_Arn"]}" in status {record["EndpointStatus"]}.')
    served = _served(endpoint_configs.find(request["EndpointConfigName"]))
    _deploy(record["EndpointName"], {**record, **served}, "Updating", "InService")
    return {"EndpointArn": record["_Arn"]}


def describe_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    return find(request["EndpointName"])


def list_endpoints(request: dict[str, Any]) -> dict[str, Any]:
    return page(ENDPOINTS.values(), request, "Endpoints", name="EndpointName", status="EndpointStatus")


def delete_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    record = find(request["EndpointName"])
    _require_settled(record)
    del ENDPOINTS[record["EndpointName"]]
    tags.forget(record["_Arn"])
    blue_green.withdraw(record["_Arn"])
    return {}


def recover() -> None:
    """After a restart: start again what was serving, or was about to."""
    for name, record in ENDPOINTS.items():
        if record["EndpointStatus"] == "Creating":
            _deploy(name, record, "Creating", "Failed")
        elif record["EndpointStatus"] != "Failed":
            _deploy(name, record, "SystemUpdating", "Failed")


def find(name: str) -> Record:
    arn = store.arn("endpoint", name)
    return store.find(ENDPOINTS, name, ValidationException(f'Could not find endpoint "{arn}".'))


def _require_settled(record: Record) -> None:
    if record["EndpointStatus"] in _IN_PROGRESS:
        raise ValidationException(f'Cannot update in-progress endpoint "{record["_Arn"]}".')


def _deploy(name: str, record: Record, during: str, on_failure: str) -> None:
    """Serve what `record` says; it becomes the endpoint's record once it is served."""
    store.change(ENDPOINTS, name, EndpointStatus=during)
    then = partial(_settle, name, record, on_failure)
    blue_green.deploy(record["_Arn"], name, record["_Variants"], then)


def _settle(name: str, record: Record, on_failure: str, why: str | None) -> bool:
    if store.is_frozen() or ENDPOINTS.get(name, {}).get("CreationTime") != record["CreationTime"]:
        return False
    if why is None:
        served = {key: record.get(key) for key in _SERVED}
        store.change(ENDPOINTS, name, **served, EndpointStatus="InService", FailureReason=None)
    else:
        store.change(ENDPOINTS, name, EndpointStatus=on_failure, FailureReason=why[:_LONGEST_REASON])
    return True


def _served(config: Record) -> Record:
    """The part of an endpoint's record that follows from its configuration."""
    variants = config["ProductionVariants"]
    containers = [models.find(variant["ModelName"])["_Container"] for variant in variants]
    return {
        "EndpointConfigName": config["EndpointConfigName"],
        "ProductionVariants": [_summary(*pair) for pair in zip(variants, containers, strict=True)],
        "DataCaptureConfig": capture.summary(config.get("DataCaptureConfig")),
        "_Capture": config.get("DataCaptureConfig"),
        "_Variants": [
            {
                **container,
                "VariantName": variant["VariantName"],
                "Weight": variant.get("InitialVariantWeight", 1.0),
                "StartupSeconds": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS),
                "IsServerless": "ServerlessConfig" in variant,
            }
            for variant, container in zip(variants, containers, strict=True)
        ],
    }


def _summary(variant: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    weight, image = variant.get("InitialVariantWeight", 1.0), container["Image"]
    capacity = (
        {"CurrentServerlessConfig": variant["ServerlessConfig"]}
        if "ServerlessConfig" in variant
        else {
            "CurrentInstanceCount": variant["InitialInstanceCount"],
            "DesiredInstanceCount": variant["InitialInstanceCount"],
        }
    )
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        **capacity,
    }


OPERATIONS = {
    "CreateEndpoint": create_endpoint,
    "UpdateEndpoint": update_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "ListEndpoints": list_endpoints,
    "DeleteEndpoint": delete_endpoint,
}
