from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scones.cli import app

from .program import children_of

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, eventually: Callable[..., Any]) -> Iterator[Path]:
    """An empty folder for a command, which must leave no process in it."""
    yield tmp_path
    eventually(lambda: not children_of(tmp_path))


@pytest.fixture
def outputs(localaws: Any, table: Callable[[str, str], str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The outputs of the two stacks of project `depot`."""
    states = localaws.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Broken"}}})
    role = "arn:aws:iam::000000000000:role/r"
    machine = states.create_state_machine(name="depot-cli", definition=definition, roleArn=role)["stateMachineArn"]
    queue = localaws.client("sqs").create_queue(QueueName="depot-cli")["QueueUrl"]
    localaws.client("s3").create_bucket(Bucket="depot-cli")
    made = {"OrdersTable": table("order_id", "promised_at"), "ArrivalsTable": table("arrival_id", "arrived_at")}
    made |= {"ReviewsTable": table("arrival_id", "asked_at")}
    made |= {"DeliveryMachine": machine, "DeadLetters": queue, "Bucket": "depot-cli"}
    made |= {"ReviewFunction": "no-such-function", "ReleaseMachine": machine}
    cloudformation = localaws.client("cloudformation")
    for stack in ("depot-storage", "depot-workflow"):
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{stack}"}}
        outputs = {name: {"Value": value} for name, value in made.items()}
        body = json.dumps({"Resources": {"Group": group}, "Outputs": outputs})
        cloudformation.create_stack(StackName=stack, TemplateBody=body)
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    yield made
    for stack in ("depot-storage", "depot-workflow"):
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    s3 = localaws.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="depot-cli"):
        for stored in page.get("Contents", ()):
            s3.delete_object(Bucket="depot-cli", Key=stored["Key"])
    s3.delete_bucket(Bucket="depot-cli")
    states.delete_state_machine(stateMachineArn=machine)
    localaws.client("sqs").delete_queue(QueueUrl=queue)


@pytest.fixture
def run(localaws: Any, outputs: dict[str, str]) -> Run:
    """Runs a command of project `depot` on the local AWS."""
    env = {
        "AWS_ENDPOINT_URL": localaws.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SCONES_PROJECT": "depot",
        "SCONES_NEGATIVES": "",
    }
    return lambda *arguments: CliRunner().invoke(app, [*arguments, "--json"], env=env)
