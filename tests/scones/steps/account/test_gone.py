"""What AWS says of resources that do not exist, as localaws says it and as its documentation has it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.steps.account.gone import ignoring_gone, is_gone

ARN = "arn:aws:{}:us-east-1:000000000000:{}"
CALLS = [
    ("sagemaker", "delete_endpoint", {"EndpointName": "none"}),
    ("sagemaker", "delete_endpoint_config", {"EndpointConfigName": "none"}),
    ("sagemaker", "delete_model", {"ModelName": "none"}),
    ("sagemaker", "delete_training_job", {"TrainingJobName": "none"}),
    ("sagemaker", "delete_model_package", {"ModelPackageName": ARN.format("sagemaker", "model-package/none/1")}),
    ("lambda", "delete_function", {"FunctionName": "none"}),
    ("stepfunctions", "delete_state_machine", {"stateMachineArn": ARN.format("states", "stateMachine:none")}),
    ("stepfunctions", "stop_execution", {"executionArn": ARN.format("states", "execution:none:none")}),
    ("dynamodb", "delete_table", {"TableName": "none-at-all"}),
    ("iam", "delete_role", {"RoleName": "none"}),
    ("logs", "delete_log_group", {"logGroupName": "none"}),
    ("s3", "delete_bucket", {"Bucket": "none-at-all"}),
    ("s3", "head_bucket", {"Bucket": "none-at-all"}),
    ("cloudformation", "describe_stacks", {"StackName": "none"}),
]


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=lambda part: str(part)[:30])
def test_a_call_about_a_resource_that_does_not_exist_is_recognised(
    localaws: Any, service: str, operation: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(localaws.client(service), operation)(**arguments)
    assert is_gone(caught.value)
    with ignoring_gone():
        raise caught.value


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Table is being deleted: t",
            True,
        ),
        ("QueueDoesNotExist", "", True),
        ("ResourceInUseException", "Table is being updated: t", False),
        ("ValidationException", "Cannot delete an endpoint that is being created", False),
        ("AccessDeniedException", "the resource was not found in any policy", False),
    ],
)
def test_a_code_with_several_meanings_is_read_with_its_message(code: str, message: str, expected: bool) -> None:
    response: Any = {"Error": {"Code": code, "Message": message}}
    assert is_gone(ClientError(response, "Delete")) is expected


def test_any_other_error_leaves_the_block() -> None:
    response: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    with pytest.raises(ClientError, match="AccessDenied"), ignoring_gone():
        raise ClientError(response, "Delete")
