import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"


def create(localaws: Any, name: str, definition: dict[str, Any]) -> str:
    client = localaws.client("stepfunctions")
    return str(
        client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    )


def run(localaws: Any, arn: str, data: object = None) -> dict[str, Any]:
    client = localaws.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps(data))["executionArn"]
    while True:
        described: dict[str, Any] = client.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)


def test_a_handlers_exception_is_matched_by_its_class_name(localaws: Any, make_function: Callable[..., str]) -> None:
    source = """
n = 0
class Flaky(Exception): pass
class Hopeless(Exception): pass
def handler(event, context):
    global n
    n += 1
    if event["hopeless"]: raise Hopeless("never")
    if n < 3: raise Flaky("not yet")
    return n
"""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": make_function(source), "Payload.$": "$"},
        "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxDelaySeconds": 1, "JitterStrategy": "FULL"}],
        "Catch": [{"ErrorEquals": ["Hopeless"], "ResultPath": "$.error", "Next": "Caught"}],
        "OutputPath": "$.Payload",
        "End": True,
    }
    arn = create(localaws, "errors", {"StartAt": "T", "States": {"T": task, "Caught": {"Type": "Pass", "End": True}}})
    assert run(localaws, arn, {"hopeless": False})["output"] == "3"
    caught = json.loads(run(localaws, arn, {"hopeless": True})["output"])["error"]
    assert caught["Error"] == "Hopeless"
    assert json.loads(caught["Cause"])["errorMessage"] == "never"


@pytest.mark.parametrize("value", ["123", "text", 7, None, [1], {"a": "b"}])
def test_a_function_s_answer_keeps_its_type(localaws: Any, make_function: Callable[..., str], value: object) -> None:
    function = make_function("def handler(event, context):\n  return event")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    machine = create(
        localaws, function, {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": arn, "End": True}}}
    )
    assert json.loads(run(localaws, machine, value)["output"]) == value


def test_bytes_that_a_function_answers_are_read_as_json(localaws: Any, make_function: Callable[..., str]) -> None:
    function = make_function('def handler(event, context):\n  return b\'{"inferences": "[0.9, 0.1]"}\'')
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload", "End": True}
    task["Parameters"] = {"FunctionName": function}
    arn = create(localaws, function, {"StartAt": "T", "States": {"T": task}})
    assert json.loads(run(localaws, arn)["output"]) == {"inferences": "[0.9, 0.1]"}


def test_create_update_and_validate_refuse_with_the_state_and_the_field(localaws: Any) -> None:
    client = localaws.client("stepfunctions")
    good = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    bad = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Map", "ItemBatcher": {}, "End": True}}})
    arn = create(localaws, "refusing", good)
    with pytest.raises(ClientError, match="/States/A/ItemBatcher") as refused:
        client.create_state_machine(name="bad", definition=bad, roleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"
    with pytest.raises(ClientError, match="/States/A/ItemBatcher"):
        client.update_state_machine(stateMachineArn=arn, definition=bad)
    assert json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"]) == good
    assert client.validate_state_machine_definition(definition=json.dumps(good))["result"] == "OK"
    assert client.validate_state_machine_definition(definition=bad)["result"] == "FAIL"


def test_an_execution_ends_at_the_machine_s_timeout(localaws: Any) -> None:
    wait = {"Type": "Wait", "Seconds": 3, "End": True}
    arn = create(localaws, "slow", {"TimeoutSeconds": 1, "StartAt": "W", "States": {"W": wait}})
    assert run(localaws, arn)["status"] == "TIMED_OUT"


def test_an_integration_that_would_do_nothing_is_refused(localaws: Any) -> None:
    for resource in ("arn:aws:states:::glue:startJobRun.sync", "arn:aws:states:::aws-sdk:s3:getObject"):
        with pytest.raises(ClientError, match="not supported"):
            create(
                localaws, "x", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True}}}
            )
