"""Published versions and aliases of a stack's function, as Lambda and CloudFormation have them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"
NAME = "versioned-function"
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
CODE = "import os\ndef handler(event, context):\n  return ['{text}', os.environ['TEXT'], context.function_version]\n"


def template(text: str, version: str) -> str:
    """A function that returns this text, a version resource of this logical id, and an alias to it."""
    function = {
        "FunctionName": NAME,
        "Runtime": "python3.13",
        "Timeout": 60,
        "Handler": "index.handler",
        "Role": ROLE,
        "Code": {"ZipFile": CODE.replace("{text}", text)},
        "Environment": {"Variables": {"TEXT": text}},
    }
    target = {"FunctionName": {"Ref": "Function"}}
    number = {"Fn::GetAtt": [version, "Version"]}
    alias = {**target, "Name": "live", "FunctionVersion": number}
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}]}
    subscription = {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@example.com"}
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        version: {"Type": "AWS::Lambda::Version", "Properties": target, **KEPT},
        "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": NAME}},
        "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscription},
        "Policy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": policy},
        },
    }
    outputs = {"Version": {"Value": {"Ref": version}}, "Alias": {"Value": {"Ref": "Alias"}}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


@pytest.fixture(scope="module")
def settled(localaws: Any, eventually: Callable[..., Any]) -> Callable[[str], dict[str, Any]]:
    """Waits until nothing is in progress in a stack (its ARN), and describes it."""
    cloudformation = localaws.client("cloudformation")

    def described(stack: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return None if found["StackStatus"].endswith("IN_PROGRESS") else found

        result: dict[str, Any] = eventually(ended)
        return result

    return described


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def arns(localaws: Any, settled: Callable[[str], dict[str, Any]]) -> Any:
    """The ARNs of two versions and their alias, of a stack that was updated from the one to the other."""
    cloudformation = localaws.client("cloudformation")
    stack = cloudformation.create_stack(StackName="versioned", TemplateBody=template("one", "VersionA"))["StackId"]
    created = settled(stack)
    assert created["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.update_stack(StackName=stack, TemplateBody=template("two", "VersionB"))
    updated = settled(stack)
    assert updated["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(created)["Alias"] == outputs(updated)["Alias"]
    yield {"one": outputs(created)["Version"], "two": outputs(updated)["Version"], "live": outputs(updated)["Alias"]}
    cloudformation.delete_stack(StackName=stack)
    assert settled(stack)["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        localaws.client("lambda").get_function(FunctionName=NAME)


def test_a_version_keeps_its_code_and_environment(localaws: Any, arns: dict[str, str]) -> None:
    client = localaws.client("lambda")
    answers = {}
    for name in (arns["one"], arns["live"], arns["two"], NAME, arns["one"]):
        answer = client.invoke(FunctionName=name)
        answers[name] = (json.loads(answer["Payload"].read()), answer["ExecutedVersion"])
    assert answers == {
        arns["one"]: (["one", "one", "1"], "1"),
        arns["two"]: (["two", "two", "2"], "2"),
        arns["live"]: (["two", "two", "2"], "2"),
        NAME: (["two", "two", "$LATEST"], "$LATEST"),
    }


def test_versions_run_beside_one_another(localaws: Any, arns: dict[str, str]) -> None:
    client = localaws.client("lambda")

    def call(name: str) -> list[str]:
        answer: list[str] = json.loads(client.invoke(FunctionName=name)["Payload"].read())
        return answer

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, [arns["one"], arns["two"]] * 6))
    assert answers == [["one", "one", "1"], ["two", "two", "2"]] * 6


def test_the_arns_end_with_the_version_and_the_alias(arns: dict[str, str]) -> None:
    assert [arn.rpartition(f":{NAME}:")[2] for arn in arns.values()] == ["1", "2", "live"]


@pytest.mark.parametrize(("which", "text", "version"), [("one", "one", "1"), ("two", "two", "2"), ("live", "two", "2")])
@pytest.mark.parametrize("is_optimized", [True, False])
def test_a_state_machine_invokes_the_version_that_the_arn_names(
    localaws: Any,
    eventually: Callable[..., Any],
    arns: dict[str, str],
    which: str,
    text: str,
    version: str,
    is_optimized: bool,
) -> None:
    task: dict[str, Any] = {"Type": "Task", "Resource": arns[which], "End": True}
    if is_optimized:
        task["Resource"] = "arn:aws:states:::lambda:invoke"
        task["Parameters"] = {"FunctionName": arns[which], "Payload": {}}
    definition = json.dumps({"StartAt": "Call", "States": {"Call": task}})
    client = localaws.client("stepfunctions")
    name = f"invokes-{which}-{is_optimized}"
    machine = client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    ended = eventually(
        lambda: (found := client.describe_execution(executionArn=execution))["status"] != "RUNNING" and found
    )
    output = json.loads(ended["output"])
    if is_optimized:
        assert output["ExecutedVersion"] == version
        output = output["Payload"]
    assert output == [text, text, version]


def test_versions_are_listed_and_one_that_is_missing_is_an_error(localaws: Any, arns: dict[str, str]) -> None:
    client = localaws.client("lambda")
    listed = [found["Version"] for found in client.list_versions_by_function(FunctionName=NAME)["Versions"]]
    assert listed == ["$LATEST", "1", "2"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.invoke(FunctionName=f"{NAME}:9")


def test_the_topic_of_the_stack_has_its_subscription(localaws: Any, arns: dict[str, str]) -> None:
    sns = localaws.client("sns")
    topic = f"arn:aws:sns:us-east-1:000000000000:{NAME}"
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(subscription["Protocol"], subscription["Endpoint"]) for subscription in found] == [
        ("email", "a@example.com")
    ]
    assert "sns:Publish" in sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]


def test_a_partition_may_be_substituted_in_a_resource(
    localaws: Any, settled: Callable[[str], dict[str, Any]], arns: dict[str, str]
) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": arns["one"]},
        "End": True,
    }
    properties = {
        "StateMachineName": "substituted",
        "RoleArn": ROLE,
        "DefinitionString": json.dumps({"StartAt": "Call", "States": {"Call": task}}),
        "DefinitionSubstitutions": {"Partition": {"Ref": "AWS::Partition"}},
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    client = localaws.client("cloudformation")
    body = json.dumps({"Resources": {"Machine": machine}})
    stack = client.create_stack(StackName="substituted", TemplateBody=body)["StackId"]
    assert settled(stack)["StackStatus"] == "CREATE_COMPLETE"
    client.delete_stack(StackName=stack)
