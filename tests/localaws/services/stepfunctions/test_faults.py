from collections.abc import Callable
from typing import Any

import pytest

from localaws.services.stepfunctions.faults import error_name, task_call

STATES = "arn:aws:states:::"


@pytest.mark.parametrize(
    ("resource", "service", "operation"),
    [
        ("arn:aws:lambda:us-east-1:000000000000:function:f:7", "lambda", "Invoke"),
        (f"{STATES}lambda:invoke", "lambda", "Invoke"),
        (f"{STATES}sagemaker:createTrainingJob.sync", "sagemaker", "CreateTrainingJob"),
        (f"{STATES}states:startExecution.sync:2", "stepfunctions", "StartExecution"),
        (f"{STATES}aws-sdk:sfn:startExecution", "stepfunctions", "StartExecution"),
        (f"{STATES}aws-sdk:sagemaker:describeEndpoint", "sagemaker", "DescribeEndpoint"),
        (
            f"{STATES}aws-sdk:applicationautoscaling:putScalingPolicy",
            "application-autoscaling",
            "PutScalingPolicy",
        ),
    ],
)
def test_a_resource_names_the_call_behind_it(resource: str, service: str, operation: str) -> None:
    call = task_call(resource)
    assert call is not None
    assert (call.service, call.operation) == (service, operation)


def test_an_activity_calls_no_service() -> None:
    assert task_call("arn:aws:states:us-east-1:000000000000:activity:wait") is None


@pytest.mark.parametrize(
    ("integration", "throttling", "internal", "denied"),
    [
        (
            "lambda:invoke",
            "Lambda.TooManyRequestsException",
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
        ),
        (
            "dynamodb:updateItem",
            "DynamoDB.ProvisionedThroughputExceededException",
            "DynamoDB.InternalServerErrorException",
            "DynamoDB.AmazonDynamoDBException",
        ),
        ("sagemaker:createModel", *["SageMaker.AmazonSageMakerException"] * 3),
        ("aws-sdk:sagemaker:describeEndpoint", *["SageMaker.SageMakerException"] * 3),
        ("states:startExecution.sync:2", *["StepFunctions.AWSStepFunctionsException"] * 3),
        ("aws-sdk:dynamodb:query", "DynamoDb.ProvisionedThroughputExceededException",
         "DynamoDb.InternalServerErrorException", "DynamoDb.DynamoDbException"),
    ],
)  # fmt: skip
def test_errors_have_the_names_that_the_integration_gives(
    integration: str, throttling: str, internal: str, denied: str
) -> None:
    call = task_call(STATES + integration)
    assert call is not None
    assert [error_name(call, kind) for kind in ("throttling", "internal-error", "access-denied")] == [
        throttling,
        internal,
        denied,
    ]


@pytest.mark.parametrize("kind", ["reset", "lost-answer", "hang"])
def test_a_broken_connection_is_an_sdk_client_exception(kind: str) -> None:
    call = task_call(f"{STATES}lambda:invoke")
    assert call is not None
    assert error_name(call, kind) == "Lambda.SdkClientException"


@pytest.fixture(scope="module")
def table(localaws: Any) -> str:
    localaws.client("dynamodb").create_table(
        TableName="fault-items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "fault-items"


@pytest.fixture(scope="module")
def putter(create: Callable[..., str], table: str) -> str:
    """A machine that puts an item with the key of its input, and repeats a lost connection once."""
    task = {
        "Type": "Task",
        "Resource": f"{STATES}dynamodb:putItem",
        "Arguments": {"TableName": table, "Item": {"id": {"S": "{% $states.input.id %}"}}},
        "Retry": [{"ErrorEquals": ["DynamoDB.InternalServerErrorException"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    return create("fault-putter", {"QueryLanguage": "JSONata", "StartAt": "Put", "States": {"Put": task}})


def test_a_tasks_call_fails_and_others_do_not(
    localaws: Any, putter: str, run: Callable[..., Any], inject: Callable[..., None], report: Callable[[], Any]
) -> None:
    inject(side="state-machine", service="dynamodb", operation="PutItem", kind="throttling")
    failed = run(putter, {"id": "throttled"})
    assert (failed["status"], failed["error"]) == ("FAILED", "DynamoDB.ProvisionedThroughputExceededException")
    assert run(putter, {"id": "later"})["status"] == "SUCCEEDED"
    about = {"side": "state-machine", "service": "dynamodb", "operation": "PutItem"}
    assert report()["injected"] == [{**about, "kind": "throttling", "call": 1}]


def test_a_retrier_repeats_the_call(putter: str, run: Callable[..., Any], inject: Callable[..., None]) -> None:
    inject(side="state-machine", kind="internal-error")
    assert run(putter, {"id": "repeated"})["status"] == "SUCCEEDED"


@pytest.mark.parametrize(("kind", "is_there"), [("lost-answer", True), ("reset", False)])
def test_only_a_lost_answer_has_done_its_work(
    localaws: Any,
    table: str,
    putter: str,
    run: Callable[..., Any],
    inject: Callable[..., None],
    kind: str,
    is_there: bool,
) -> None:
    inject(side="state-machine", service="dynamodb", kind=kind)
    assert run(putter, {"id": kind})["error"] == "DynamoDB.SdkClientException"
    found = localaws.client("dynamodb").get_item(TableName=table, Key={"id": {"S": kind}})
    assert ("Item" in found) == is_there
