"""Endpoints as resources, from Creating to deletion. Their containers are in `blue_green`.

An endpoint's record copies the containers of its models, so that models and configurations may be deleted meanwhile.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from localaws.services.sagemaker import checks, store, tags
from localaws.services.sagemaker.hosting import blue_green, capture, endpoint_configs, models
from localaws.services.sagemaker.hosting.serving_container import STARTUP_SECONDS
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import ENDPOINTS, Record
from localaws.wire import ValidationException

_MAX_REASON_CHARS = 1024
# The members of a record that follow from the endpoint's configuration.
_FROM_CONFIG = ("EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "_Capture", "_Variants")
_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def create_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Create an endpoint. Raises ValidationException if the name is taken or the configuration does not exist."""
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
        **_members_from(config),
    }
    tags.put(arn, request.get("Tags", []))
    _deploy(name, ENDPOINTS[name], "Creating", "Failed")
    return {"EndpointArn": arn}


def update_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Replace the endpoint's containers; if the new ones do not become healthy, the old ones stay in service.

    Raises ValidationException if the endpoint is not in service or the configuration does not exist.
    """
    checks.refuse(request, "DeploymentConfig", "ExcludeRetainedVariantProperties", "RetainAllVariantProperties")
    record = find(request["EndpointName"])
    _require_settled(record)
    if record["EndpointStatus"] != "InService":
        raise ValidationException(f'Cannot update endpoint "{record["_Arn"]}" in status {record["EndpointStatus"]}.')
    members = _members_from(endpoint_configs.find(request["EndpointConfigName"]))
    _deploy(record["EndpointName"], {**record, **members}, "Updating", "InService")
    return {"EndpointArn": record["_Arn"]}


def describe_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Describe an endpoint. Raises ValidationException if it does not exist."""
    return find(request["EndpointName"])


def list_endpoints(request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of endpoints."""
    return page(ENDPOINTS.values(), request, "Endpoints", name="EndpointName", status="EndpointStatus")


def delete_endpoint(request: dict[str, Any]) -> dict[str, Any]:
    """Delete an endpoint. Raises ValidationException if it does not exist or is changing."""
    record = find(request["EndpointName"])
    _require_settled(record)
    # The record goes first: no new invocation finds the endpoint while its containers drain.
    del ENDPOINTS[record["EndpointName"]]
    tags.forget(record["_Arn"])
    blue_green.remove(record["_Arn"])
    return {}


def recover() -> None:
    """Start the containers of all endpoints that were serving or starting before the server's restart."""
    for name, record in ENDPOINTS.items():
        # Clients that wait for a new endpoint still see "Creating"; the others learn of the restart.
        if record["EndpointStatus"] == "Creating":
            _deploy(name, record, "Creating", "Failed")
        elif record["EndpointStatus"] != "Failed":
            _deploy(name, record, "SystemUpdating", "Failed")


def find(name: str) -> Record:
    """Return an endpoint's record. Raises ValidationException if it does not exist."""
    arn = store.arn("endpoint", name)
    return store.find(ENDPOINTS, name, ValidationException(f'Could not find endpoint "{arn}".'))


def _require_settled(record: Record) -> None:
    if record["EndpointStatus"] in _IN_PROGRESS:
        raise ValidationException(f'Cannot update in-progress endpoint "{record["_Arn"]}".')


def _deploy(name: str, record: Record, during: str, on_failure: str) -> None:
    """Deploy the variants of `record`, whose members become the endpoint's once they are in service."""
    store.change(ENDPOINTS, name, EndpointStatus=during)
    on_end = partial(_finish_deployment, name, record, on_failure)
    blue_green.deploy(record["_Arn"], name, record["_Variants"], on_end)


def _finish_deployment(name: str, record: Record, on_failure: str, reason: str | None) -> bool:
    """Record how a deployment ended; return False if the endpoint was deleted, or the server stops."""
    # An endpoint of the same name may have been created meanwhile: the creation time tells which it is.
    if store.is_frozen() or ENDPOINTS.get(name, {}).get("CreationTime") != record["CreationTime"]:
        return False
    if reason is None:
        members = {key: record.get(key) for key in _FROM_CONFIG}
        store.change(ENDPOINTS, name, **members, EndpointStatus="InService", FailureReason=None)
    else:
        store.change(ENDPOINTS, name, EndpointStatus=on_failure, FailureReason=reason[:_MAX_REASON_CHARS])
    return True


def _members_from(config: Record) -> Record:
    """Return the members of an endpoint's record that follow from its configuration."""
    variants = config["ProductionVariants"]
    containers = [models.find(variant["ModelName"])["_Container"] for variant in variants]
    return {
        "EndpointConfigName": config["EndpointConfigName"],
        "ProductionVariants": [
            _summary(variant, container["Image"]) for variant, container in zip(variants, containers, strict=True)
        ],
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


def _summary(variant: dict[str, Any], image: str) -> dict[str, Any]:
    weight = variant.get("InitialVariantWeight", 1.0)
    if "ServerlessConfig" in variant:
        capacity = {"CurrentServerlessConfig": variant["ServerlessConfig"]}
    else:
        count = variant["InitialInstanceCount"]
        capacity = {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
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
