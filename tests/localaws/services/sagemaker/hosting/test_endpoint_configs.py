"""Endpoint configurations that are refused."""

from __future__ import annotations

from typing import Any

import pytest

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://toy-bucket/captures",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.mark.parametrize("size", [1500, 2000])
def test_serverless_memory_comes_in_steps(account: Any, name: str, size: int) -> None:
    account.configure(name)
    variant = {"VariantName": "v", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": size, "MaxConcurrency": 1}}
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="not a multiple of 1024"):
        account.sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-s", ProductionVariants=[variant])


def test_serverless_variants_cannot_be_captured(account: Any, name: str) -> None:
    account.model(name)
    variant = {"VariantName": "v", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    create = account.sagemaker.create_endpoint_config
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="DataCaptureConfig is not supported"):
        create(EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=CAPTURE)
