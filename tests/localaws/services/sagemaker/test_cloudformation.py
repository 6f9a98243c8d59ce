"""Stacks with SageMaker's resources."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/service-role/toy"


def _template(group: str = "group", *, answer: str = "one", behaviour: str = "succeed") -> str:
    variant = {"VariantName": "v", "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}}
    capacity = {"InstanceType": "ml.m5.large", "InitialInstanceCount": {"Ref": "Count"}}
    environment = {"ANSWER": answer, "TOY_BEHAVIOUR": behaviour}
    resources = {
        "Group": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": group, "Tags": [{"Key": "own", "Value": "1"}]},
        },
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"Image": "toy", "Environment": environment},
            },
        },
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {"ProductionVariants": [{**variant, **capacity}]},
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
    }
    outputs = {
        "Group": {"Value": {"Ref": "Group"}},
        "Endpoint": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
        "Model": {"Value": {"Ref": "Model"}},
    }
    parameters = {"Count": {"Type": "Number", "Default": 1}}
    return json.dumps({"Parameters": parameters, "Resources": resources, "Outputs": outputs})


def _outputs(account: Any, stack: str) -> dict[str, str]:
    outputs = account.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


@pytest.fixture
def stack(account: Any, name: str) -> str:
    account.cloudformation.create_stack(
        StackName=name, TemplateBody=_template(name), Tags=[{"Key": "project", "Value": name}]
    )
    account.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return name


def test_a_stack_creates_updates_and_deletes_real_resources(account: Any, stack: str) -> None:
    created = _outputs(account, stack)
    assert created["Group"].endswith(f":model-package-group/{stack}")
    tags = account.sagemaker.list_tags(ResourceArn=created["Group"])["Tags"]
    assert {"Key": "own", "Value": "1"} in tags
    assert {"Key": "project", "Value": stack} in tags
    before = account.invoke(created["Endpoint"], b"pid")

    account.cloudformation.update_stack(StackName=stack, TemplateBody=_template(stack, answer="two"))
    account.cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    updated = _outputs(account, stack)
    assert updated["Endpoint"] == created["Endpoint"]
    assert updated["Model"] != created["Model"]
    assert account.invoke(updated["Endpoint"], b"pid") != before
    models = account.sagemaker.list_models(NameContains=stack)["Models"]
    assert [model["ModelArn"] for model in models] == [updated["Model"]]

    account.cloudformation.delete_stack(StackName=stack)
    account.cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    assert not account.sagemaker.list_endpoints(NameContains=stack)["Endpoints"]
    assert not account.sagemaker.list_endpoint_configs(NameContains=stack)["EndpointConfigs"]
    assert not account.sagemaker.list_models(NameContains=stack)["Models"]
    groups = account.sagemaker.list_model_package_groups(NameContains=stack)["ModelPackageGroupSummaryList"]
    assert not groups


def test_a_stack_whose_endpoint_fails_rolls_back_with_the_reason(
    account: Any, name: str, eventually: Callable[..., Any]
) -> None:
    account.cloudformation.create_stack(StackName=name, TemplateBody=_template(name, behaviour="exit"))

    def ended() -> Any:
        status = account.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return status if not status.endswith("_IN_PROGRESS") else None

    assert eventually(ended) == "ROLLBACK_COMPLETE"
    events = account.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("no model for you" in reason for reason in reasons)
    assert not account.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    assert not account.sagemaker.list_models(NameContains=name)["Models"]


def test_a_group_that_still_holds_packages_is_not_deleted(
    account: Any, name: str, eventually: Callable[..., Any]
) -> None:
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": name}}
    template = json.dumps({"Resources": {"Group": group}})
    account.cloudformation.create_stack(StackName=name, TemplateBody=template)
    account.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    account.sagemaker.create_model_package(ModelPackageGroupName=name)
    account.cloudformation.delete_stack(StackName=name)

    def status() -> bool:
        found = account.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return found == "DELETE_FAILED"

    eventually(status)
