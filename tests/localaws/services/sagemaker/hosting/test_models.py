"""Models: creation, listing and deletion."""

from __future__ import annotations

from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/service-role/toy"


def test_a_model_needs_a_role_and_one_container(account: Any, name: str) -> None:
    create = account.sagemaker.create_model
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="executionRoleArn"):
        create(ModelName=name, PrimaryContainer={"Image": "toy"})
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="one container"):
        create(ModelName=name, Containers=[{"Image": "toy"}] * 2, ExecutionRoleArn=ROLE)
    create(ModelName=name, PrimaryContainer={"Image": "toy"}, ExecutionRoleArn=ROLE)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="Cannot create already existing model"):
        create(ModelName=name, PrimaryContainer={"Image": "toy"}, ExecutionRoleArn=ROLE)
    assert account.sagemaker.describe_model(ModelName=name)["PrimaryContainer"] == {"Image": "toy"}
    assert [model["ModelName"] for model in account.sagemaker.list_models(NameContains=name)["Models"]] == [name]
    account.sagemaker.delete_model(ModelName=name)
    with pytest.raises(account.sagemaker.exceptions.ClientError, match="Could not find model"):
        account.sagemaker.delete_model(ModelName=name)
