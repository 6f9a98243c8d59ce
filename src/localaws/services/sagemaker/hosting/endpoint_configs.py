"""Endpoint configurations: the models that an endpoint serves, as production variants.

Instances and serverless capacity are the same here: one process for each variant.
"""

from __future__ import annotations

import time
from typing import Any

from localaws.services.sagemaker import checks, store, tags
from localaws.services.sagemaker.hosting import capture, models
from localaws.services.sagemaker.listing import page
from localaws.services.sagemaker.store import ENDPOINT_CONFIGS, Record
from localaws.wire import ValidationException

# Serverless memory sizes are 1024, 2048, ... 6144 MB; the model has only the range.
_MEMORY_STEP_MB = 1024


def create_endpoint_config(request: dict[str, Any]) -> dict[str, Any]:
    """Create a configuration.

    Raises ValidationException if the name is taken, a model does not exist, or the configuration cannot run here.
    """
    checks.refuse(request, "AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")
    name = request["EndpointConfigName"]
    arn = store.arn("endpoint-config", name)
    if name in ENDPOINT_CONFIGS:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
    variants = request["ProductionVariants"]
    if len({variant["VariantName"] for variant in variants}) != len(variants):
        raise ValidationException("Production variant names must be unique within an endpoint configuration")
    for variant in variants:
        _check(variant)
    is_serverless = any("ServerlessConfig" in variant for variant in variants)
    if is_serverless and capture.is_enabled(request.get("DataCaptureConfig")):
        raise ValidationException("DataCaptureConfig is not supported for a variant with ServerlessConfig")
    ENDPOINT_CONFIGS[name] = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "_Arn": arn,
        "EndpointConfigArn": arn,
        "CreationTime": time.time(),
    }
    tags.put(arn, request.get("Tags", []))
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(request: dict[str, Any]) -> dict[str, Any]:
    """Describe a configuration. Raises ValidationException if it does not exist."""
    return find(request["EndpointConfigName"])


def list_endpoint_configs(request: dict[str, Any]) -> dict[str, Any]:
    """Return one page of configurations."""
    return page(ENDPOINT_CONFIGS.values(), request, "EndpointConfigs", name="EndpointConfigName")


def delete_endpoint_config(request: dict[str, Any]) -> dict[str, Any]:
    """Delete a configuration. Raises ValidationException if it does not exist."""
    record = find(request["EndpointConfigName"])
    del ENDPOINT_CONFIGS[record["EndpointConfigName"]]
    tags.forget(record["_Arn"])
    return {}


def find(name: str) -> Record:
    """Return a configuration's record. Raises ValidationException if it does not exist."""
    arn = store.arn("endpoint-config", name)
    return store.find(ENDPOINT_CONFIGS, name, ValidationException(f'Could not find endpoint configuration "{arn}".'))


def _check(variant: dict[str, Any]) -> None:
    checks.refuse(variant, "AcceleratorType", "InstancePools", "ManagedInstanceScaling", "CapacityReservationConfig")
    checks.require(variant, "ModelName")
    models.find(variant["ModelName"])
    serverless = variant.get("ServerlessConfig")
    if serverless is None:
        checks.require(variant, "InstanceType", "InitialInstanceCount")
    elif "InstanceType" in variant or "InitialInstanceCount" in variant:
        raise ValidationException("A variant has either ServerlessConfig or InstanceType and InitialInstanceCount")
    elif serverless["MemorySizeInMB"] % _MEMORY_STEP_MB:
        raise ValidationException(
            f"MemorySizeInMB {serverless['MemorySizeInMB']} is not a multiple of {_MEMORY_STEP_MB}"
        )


OPERATIONS = {
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
    "DeleteEndpointConfig": delete_endpoint_config,
}
