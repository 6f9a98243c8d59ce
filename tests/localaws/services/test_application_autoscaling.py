"""Application Auto Scaling: what a client may register, and what becomes of it."""

from __future__ import annotations

import io
import tarfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"
TARGET = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
METRIC = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
TRACKING = {"TargetValue": 100.0, "PredefinedMetricSpecification": METRIC}
ON_INSTANCES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


def endpoint(server: Any, capacity: dict[str, Any]) -> str:
    """Make an endpoint of the toy image, and return its variant's resource id."""
    name, sagemaker, s3 = f"scaled-{uuid.uuid4().hex[:8]}", server.client("sagemaker"), server.client("s3")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz"):
        pass
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=packed.getvalue())
    container = {"Image": "toy", "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": name, **capacity}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return f"endpoint/{name}/variant/v"


@pytest.fixture(scope="module")
def scaling(localaws: Any) -> Any:
    return localaws.client("application-autoscaling")


@pytest.fixture
def resource(localaws: Any) -> str:
    return endpoint(localaws, ON_INSTANCES)


def test_a_target_and_its_policy_are_listed_and_deleted_together(scaling: Any, resource: str) -> None:
    variant = {**TARGET, "ResourceId": resource}
    arn = scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=3, Tags={"a": "b"})[
        "ScalableTargetARN"
    ]
    scaling.register_scalable_target(**variant, MinCapacity=2)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])[
        "ScalableTargets"
    ]
    assert (target["ScalableTargetARN"], target["MinCapacity"], target["MaxCapacity"]) == (arn, 2, 3)
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}

    policy = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": TRACKING}
    scaling.put_scaling_policy(PolicyName="p", **variant, **policy)
    of_resource = {"ServiceNamespace": "sagemaker", "ResourceId": resource}
    (kept,) = scaling.describe_scaling_policies(**of_resource)["ScalingPolicies"]
    assert kept["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    scaling.delete_scaling_policy(PolicyName="p", **variant)
    assert scaling.describe_scaling_policies(**of_resource)["ScalingPolicies"] == []

    scaling.put_scaling_policy(PolicyName="p", **variant, **policy)
    scaling.deregister_scalable_target(**variant)
    assert scaling.describe_scaling_policies(**of_resource)["ScalingPolicies"] == []
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.deregister_scalable_target(**variant)


def test_a_resource_without_instances_cannot_be_registered(localaws: Any, scaling: Any) -> None:
    for resource in ("endpoint/nowhere/variant/v", "nonsense", endpoint(localaws, SERVERLESS)):
        with pytest.raises(scaling.exceptions.ValidationException, match="instances"):
            scaling.register_scalable_target(**TARGET, ResourceId=resource, MinCapacity=1, MaxCapacity=1)


@pytest.mark.parametrize("capacity", [{}, {"MinCapacity": 1}, {"MinCapacity": 3, "MaxCapacity": 2}])
def test_a_target_needs_a_range(scaling: Any, resource: str, capacity: dict[str, int]) -> None:
    with pytest.raises(scaling.exceptions.ValidationException, match="Capacity"):
        scaling.register_scalable_target(**TARGET, ResourceId=resource, **capacity)


def test_an_unsupported_request_is_refused_by_name(scaling: Any, resource: str) -> None:
    with pytest.raises(ClientError, match="DescribeScheduledActions"):
        scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")
    with pytest.raises(scaling.exceptions.ValidationException, match="'dynamodb' is not implemented"):
        scaling.describe_scalable_targets(ServiceNamespace="dynamodb")
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.put_scaling_policy(
            PolicyName="p", **TARGET, ResourceId=resource,
            PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=TRACKING,
        )  # fmt: skip
    with pytest.raises(scaling.exceptions.ValidationException, match="TargetTrackingScaling"):
        scaling.put_scaling_policy(PolicyName="p", **TARGET, ResourceId=resource, PolicyType="StepScaling")


def test_a_target_survives_kill_9_and_its_tag_is_found(start_localaws: Any, tmp_path: Path) -> None:
    with start_localaws(tmp_path) as server:
        resource = endpoint(server, ON_INSTANCES)
        server.client("application-autoscaling").register_scalable_target(
            **TARGET, ResourceId=resource, MinCapacity=1, MaxCapacity=2, Tags={"a": "b"}
        )
        server.process.kill()
    with start_localaws(tmp_path) as server:
        scaling, tagging = server.client("application-autoscaling"), server.client("resourcegroupstaggingapi")
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        tagged = tagging.get_resources(TagFilters=[{"Key": "a", "Values": ["b"]}])["ResourceTagMappingList"]
        assert [found["ResourceARN"] for found in tagged] == [target["ScalableTargetARN"]]
