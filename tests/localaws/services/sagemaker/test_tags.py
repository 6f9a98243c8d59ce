"""Tags in SageMaker's API and in the Resource Groups Tagging API."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def arn(account: Any, name: str) -> str:
    created = account.sagemaker.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "project", "Value": name}]
    )
    return created["ModelPackageGroupArn"]


def test_tags_are_added_listed_and_deleted(account: Any, arn: str, name: str) -> None:
    account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": ""},
        {"Key": "project", "Value": name},
    ]
    account.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a", "project", "unheard-of"])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": ""}]


def test_the_tagging_service_finds_and_tags_resources(account: Any, arn: str, name: str) -> None:
    tagging = account.server.client("resourcegroupstaggingapi")

    def found(**filters: Any) -> list[str]:
        mappings = tagging.get_resources(**filters)["ResourceTagMappingList"]
        return [mapping["ResourceARN"] for mapping in mappings]

    mine = [{"Key": "project", "Values": [name]}]
    assert found(TagFilters=mine) == [arn]
    assert found(TagFilters=mine, ResourceTypeFilters=["sagemaker:model-package-group"]) == [arn]
    assert not found(TagFilters=mine, ResourceTypeFilters=["sagemaker:endpoint"])
    tagging.tag_resources(ResourceARNList=[arn], Tags={"more": "yes"})
    tagging.untag_resources(ResourceARNList=[arn], TagKeys=["project"])
    assert account.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "more", "Value": "yes"}]
    account.sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    assert arn not in found()


@pytest.mark.parametrize("arn_of_nothing", ["arn:aws:sagemaker:us-east-1:000000000000:endpoint/none"])
def test_a_missing_resource_has_no_tags(account: Any, arn_of_nothing: str) -> None:
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="Could not find resource"):
        account.sagemaker.list_tags(ResourceArn=arn_of_nothing)


def test_aws_keys_and_more_than_fifty_tags_are_refused(account: Any, arn: str) -> None:
    add = account.sagemaker.add_tags
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="aws: prefixed"):
        add(ResourceArn=arn, Tags=[{"Key": "aws:mine", "Value": "x"}])
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="at most 50 tags"):
        add(ResourceArn=arn, Tags=[{"Key": str(index), "Value": "x"} for index in range(50)])
