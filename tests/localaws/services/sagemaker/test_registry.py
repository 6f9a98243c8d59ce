"""Model package groups and model packages."""

from __future__ import annotations

from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/service-role/toy"


@pytest.fixture
def group(account: Any, name: str) -> str:
    account.sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="toys")
    return name


def _register(account: Any, group: str, **members: Any) -> str:
    container = {"Image": "toy", "Environment": {"A": "package"}}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["image/png"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    created = account.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, **members
    )
    return created["ModelPackageArn"]


def test_versions_count_up_and_are_never_reused(account: Any, group: str) -> None:
    first, second = _register(account, group), _register(account, group)
    assert first.endswith(f":model-package/{group}/1")
    assert second.endswith(f":model-package/{group}/2")
    account.sagemaker.delete_model_package(ModelPackageName=second)
    assert _register(account, group).endswith("/3")


def test_a_package_waits_for_approval_and_only_then_makes_a_model(account: Any, group: str) -> None:
    arn = _register(account, group, CustomerMetadataProperties={"accuracy": "0.9"})
    create = account.sagemaker.create_model
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="PendingManualApproval"):
        create(ModelName=group, PrimaryContainer={"ModelPackageName": arn}, ExecutionRoleArn=ROLE)
    account.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="ok"
    )
    described = account.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ModelPackageVersion"] == 1
    assert described["CustomerMetadataProperties"] == {"accuracy": "0.9"}
    create(
        ModelName=group,
        PrimaryContainer={"ModelPackageName": arn, "Environment": {"B": "model"}},
        ExecutionRoleArn=ROLE,
    )
    variant = {"VariantName": "v", "ModelName": group, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    account.sagemaker.create_endpoint_config(EndpointConfigName=group, ProductionVariants=[variant])
    account.sagemaker.create_endpoint(EndpointName=group, EndpointConfigName=group)
    assert account.wait_for_endpoint(group)["EndpointStatus"] == "InService"
    assert account.invoke(group, b"served") == b"served"


def test_a_version_takes_no_tags_of_its_own(account: Any, group: str) -> None:
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="those of its group"):
        _register(account, group, Tags=[{"Key": "a", "Value": "1"}])


def test_packages_are_listed_by_group_and_approval(account: Any, group: str) -> None:
    approved = _register(account, group, ModelApprovalStatus="Approved")
    _register(account, group)
    listed = account.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [package["ModelPackageVersion"] for package in listed] == [2, 1]
    found = account.sagemaker.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
    assert [package["ModelPackageArn"] for package in found["ModelPackageSummaryList"]] == [approved]


def test_a_group_is_deleted_once_it_is_empty(account: Any, group: str) -> None:
    arn = _register(account, group)
    with pytest.raises(account.sagemaker.exceptions.ConflictException, match="still contains Model Packages"):
        account.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    account.sagemaker.delete_model_package(ModelPackageName=arn)
    account.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match=r"ModelPackageGroup arn:.* does not exist"):
        account.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    groups = account.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert not groups
