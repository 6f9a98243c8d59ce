import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"
Create = Callable[..., str]
Run = Callable[..., dict[str, Any]]


def test_a_handlers_exception_is_matched_by_its_class_name(
    create: Create, run: Run, make_function: Callable[..., str]
) -> None:
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
    arn = create("errors", {"StartAt": "T", "States": {"T": task, "Caught": {"Type": "Pass", "End": True}}})
    assert run(arn, {"hopeless": False})["output"] == "3"
    caught = json.loads(run(arn, {"hopeless": True})["output"])["error"]
    assert caught["Error"] == "Hopeless"
    assert json.loads(caught["Cause"])["errorMessage"] == "never"


@pytest.mark.parametrize("value", ["123", "text", 7, None, [1], {"a": "b"}])
def test_a_function_s_answer_keeps_its_type(
    create: Create, run: Run, make_function: Callable[..., str], value: object
) -> None:
    function = make_function("def handler(event, context):\n  return event")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    machine = create(function, {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": arn, "End": True}}})
    assert json.loads(run(machine, value)["output"]) == value


def test_bytes_that_a_function_answers_are_read_as_json(
    create: Create, run: Run, make_function: Callable[..., str]
) -> None:
    function = make_function('def handler(event, context):\n  return b\'{"inferences": "[0.9, 0.1]"}\'')
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload", "End": True}
    task["Parameters"] = {"FunctionName": function}
    arn = create(function, {"StartAt": "T", "States": {"T": task}})
    assert json.loads(run(arn)["output"]) == {"inferences": "[0.9, 0.1]"}


KILLED = """
import os
def handler(event, context):
    if event["attempt"] == 0: os.kill(os.getpid(), 9)
    return event
"""
SLOW = """
import time
def handler(event, context):
    if event["attempt"] == 0: time.sleep(600)
    return event
"""


@pytest.mark.parametrize(("source", "error"), [(KILLED, "Runtime.ExitError"), (SLOW, "Sandbox.Timedout")])
def test_a_function_whose_process_ends_is_tried_again_under_aws_s_name_for_it(
    create: Create, run: Run, make_function: Callable[..., str], source: str, error: str
) -> None:
    function = make_function(source, Timeout=3)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": {"attempt": "{% $states.context.State.RetryCount %}"}},
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    retry = [{"ErrorEquals": [error], "IntervalSeconds": 1, "MaxAttempts": 1}]
    machine = {"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": task}}
    failed = run(create(function, machine))
    assert (failed["status"], failed["error"]) == ("FAILED", error)
    assert json.loads(failed["cause"])["errorType"] == error
    recovered = run(create(f"{function}-again", {**machine, "States": {"T": {**task, "Retry": retry}}}))
    assert json.loads(recovered["output"]) == {"attempt": 1}


def test_a_condition_that_fails_in_dynamodb_is_caught_by_aws_s_name_for_it(
    create: Create, run: Run, localaws: Any
) -> None:
    localaws.client("dynamodb").create_table(
        TableName="caught",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"id": {"S": "{% $states.context.Execution.Input %}"}}
    put = {"TableName": "caught", "Item": key, "ConditionExpression": "attribute_not_exists(id)"}
    update = {
        "TableName": "caught",
        "Key": key,
        "UpdateExpression": "SET seen = :yes",
        "ConditionExpression": "attribute_exists(id)",
        "ExpressionAttributeValues": {":yes": {"BOOL": True}},
    }

    def task(operation: str, arguments: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {"Type": "Task", "Resource": f"arn:aws:states:::dynamodb:{operation}", "Arguments": arguments, **fields}

    catch = [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "Output": "again", "Next": "Caught"}]
    states = {
        "Put": task("putItem", put, Catch=catch, Next="Update"),
        "Update": task("updateItem", update, Next="Get"),
        "Get": task("getItem", {"TableName": "caught", "Key": key}, Output="{% $states.result.Item %}", End=True),
        "Caught": {"Type": "Pass", "End": True},
    }
    arn = create("caught", {"QueryLanguage": "JSONata", "StartAt": "Put", "States": states})
    assert json.loads(run(arn, "one")["output"]) == {"id": {"S": "one"}, "seen": {"BOOL": True}}
    assert json.loads(run(arn, "one")["output"]) == "again"


def test_create_update_and_validate_refuse_with_the_state_and_the_field(create: Create, localaws: Any) -> None:
    client = localaws.client("stepfunctions")
    good = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    bad = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Map", "ItemBatcher": {}, "End": True}}})
    arn = create("refusing", good)
    with pytest.raises(ClientError, match="/States/A/ItemBatcher") as refused:
        client.create_state_machine(name="bad", definition=bad, roleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"
    with pytest.raises(ClientError, match="/States/A/ItemBatcher"):
        client.update_state_machine(stateMachineArn=arn, definition=bad)
    assert json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"]) == good
    assert client.validate_state_machine_definition(definition=json.dumps(good))["result"] == "OK"
    assert client.validate_state_machine_definition(definition=bad)["result"] == "FAIL"


def test_an_execution_ends_at_the_machine_s_timeout(create: Create, run: Run) -> None:
    wait = {"Type": "Wait", "Seconds": 600, "End": True}
    arn = create("slow", {"TimeoutSeconds": 1, "StartAt": "W", "States": {"W": wait}})
    assert run(arn)["status"] == "TIMED_OUT"
