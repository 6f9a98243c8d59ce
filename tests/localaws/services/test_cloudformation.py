"""A stack as `infra/` has it: a bucket whose objects start a state machine that calls a function; and its end."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

DEFINITION = {
    "StartAt": "Call",
    "States": {"Call": {"Type": "Task", "Resource": "${FunctionArn}", "InputPath": "$.detail.object.key", "End": True}},
}


def assumed_by(service: str) -> dict[str, Any]:
    who = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [who]}}


def template(definition: dict[str, Any]) -> str:
    pattern = {
        "source": ["aws.s3"],
        "detail": {"bucket": {"name": ["stack-bucket"]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    notification = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    resources = {
        "Bucket": ("AWS::S3::Bucket", {"BucketName": "stack-bucket", "NotificationConfiguration": notification}),
        "Role": ("AWS::IAM::Role", assumed_by("lambda.amazonaws.com")),
        "Function": (
            "AWS::Lambda::Function",
            {
                "FunctionName": "stack-function",
                "Runtime": "python3.13",
                "Timeout": 60,
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": "def handler(event, context):\n  return {'key': event}\n"},
            },
        ),
        "Machine": (
            "AWS::StepFunctions::StateMachine",
            {
                "StateMachineName": "stack-machine",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(definition),
                "DefinitionSubstitutions": {"FunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}},
            },
        ),
        "Rule": (
            "AWS::Events::Rule",
            {
                "EventPattern": pattern,
                "Targets": [{"Id": "m", "Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}],
            },
        ),
    }
    made = {name: {"Type": kind, "Properties": properties} for name, (kind, properties) in resources.items()}
    return json.dumps({"Resources": made, "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}}})


Eventually = Callable[..., Any]


def settled(cloudformation: Any, name: str) -> str | None:
    """The stack's status, once nothing is in progress."""
    status = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    return None if status.endswith("IN_PROGRESS") else status


def executions(states: Any, machine: str) -> list[dict[str, Any]] | None:
    """The machine's executions, once all have ended."""
    found: list[dict[str, Any]] = states.list_executions(stateMachineArn=machine)["executions"]
    return None if any(execution["status"] == "RUNNING" for execution in found) else found


def test_a_stack_works_and_its_deletion_is_real(localaws: Any, eventually: Eventually) -> None:
    cloudformation, s3 = localaws.client("cloudformation"), localaws.client("s3")
    create = {"StackName": "stack", "TemplateBody": template(DEFINITION), "Capabilities": ["CAPABILITY_IAM"]}
    cloudformation.create_stack(**create)
    assert eventually(lambda: settled(cloudformation, "stack")) == "CREATE_COMPLETE"
    machine = cloudformation.describe_stacks(StackName="stack")["Stacks"][0]["Outputs"][0]["OutputValue"]
    for key in ("in/image.png", "elsewhere/image.png"):
        s3.put_object(Bucket="stack-bucket", Key=key, Body=b"x")
    states = localaws.client("stepfunctions")
    [execution] = eventually(lambda: executions(states, machine))
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", {"key": "in/image.png"})
    for key in ("in/image.png", "elsewhere/image.png"):
        s3.delete_object(Bucket="stack-bucket", Key=key)
    cloudformation.delete_stack(StackName="stack")
    localaws.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName="stack", WaiterConfig={"Delay": 1}
    )
    assert "stack-bucket" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    for call in (
        lambda: localaws.client("lambda").get_function(FunctionName="stack-function"),
        lambda: localaws.client("stepfunctions").describe_state_machine(stateMachineArn=machine),
    ):
        with pytest.raises(ClientError):
            call()


def test_a_template_s_machine_is_refused_with_the_state_and_the_field(localaws: Any, eventually: Eventually) -> None:
    definition = json.loads(json.dumps(DEFINITION))
    definition["States"]["Call"]["HeartbeatSeconds"] = 5
    cloudformation = localaws.client("cloudformation")
    create = {"StackName": "refused", "TemplateBody": template(definition), "Capabilities": ["CAPABILITY_IAM"]}
    cloudformation.create_stack(**create)
    assert eventually(lambda: settled(cloudformation, "refused")).startswith("ROLLBACK")
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName="refused")["StackEvents"]
    ]
    assert any("/States/Call/HeartbeatSeconds" in reason for reason in reasons)
    assert "stack-bucket" not in [bucket["Name"] for bucket in localaws.client("s3").list_buckets()["Buckets"]]


def test_a_deleted_table_leaves_no_tags_behind(localaws: Any) -> None:
    cloudformation, tagging = localaws.client("cloudformation"), localaws.client("resourcegroupstaggingapi")
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "Tags": [{"Key": "purpose", "Value": "gone"}],
        },
    }
    filters = [{"Key": "purpose", "Values": ["gone"]}]
    cloudformation.create_stack(StackName="tables", TemplateBody=json.dumps({"Resources": {"Table": table}}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="tables", WaiterConfig={"Delay": 1})
    assert len(tagging.get_resources(TagFilters=filters)["ResourceTagMappingList"]) == 1
    cloudformation.delete_stack(StackName="tables")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="tables", WaiterConfig={"Delay": 1})
    assert tagging.get_resources(TagFilters=filters)["ResourceTagMappingList"] == []


def test_numbers_and_booleans_in_a_map_of_strings_become_strings(localaws: Any) -> None:
    """A function's environment and a machine's substitutions, when the stack is made and when it is updated."""
    cloudformation = localaws.client("cloudformation")
    made = json.loads(template(DEFINITION | {"Comment": "${Seconds} ${Sure} ${FunctionArn}"}))
    resources = {name: made["Resources"][name] for name in ("Role", "Function", "Machine")}
    function, machine = (resources[name]["Properties"] for name in ("Function", "Machine"))
    function["Code"]["ZipFile"] = (
        "import os\ndef handler(event, context):\n  return {name: os.environ.get(name) for name in event}\n"
    )

    def tried(seconds: object, sure: object, change: str) -> tuple[dict[str, str], str]:
        function["Environment"] = {"Variables": {"SECONDS": seconds, "SURE": sure, "NAME": "depot"}}
        machine["DefinitionSubstitutions"] |= {"Seconds": seconds, "Sure": sure}
        body = json.dumps({"Resources": resources})
        getattr(cloudformation, f"{change}_stack")(StackName="texts", TemplateBody=body)
        cloudformation.get_waiter(f"stack_{change}_complete").wait(StackName="texts", WaiterConfig={"Delay": 1})
        names = json.dumps(["SECONDS", "SURE", "NAME"])
        answer = localaws.client("lambda").invoke(FunctionName="stack-function", Payload=names)
        states = localaws.client("stepfunctions")
        (arn,) = [
            m["stateMachineArn"] for m in states.list_state_machines()["stateMachines"] if m["name"] == "stack-machine"
        ]
        definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
        return json.loads(answer["Payload"].read()), definition["Comment"]

    for arguments in ((900, 0.5, "create"), (901, True, "update")):
        environment, comment = tried(*arguments)
        texts = [json.dumps(value) for value in arguments[:2]]
        assert environment == {"SECONDS": texts[0], "SURE": texts[1], "NAME": "depot"}
        assert comment.startswith(" ".join(texts) + " arn:aws:lambda:")
    cloudformation.delete_stack(StackName="texts")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="texts", WaiterConfig={"Delay": 1})
