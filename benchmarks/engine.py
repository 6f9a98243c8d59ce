"""The engine's overhead in a delivery: the time of an execution of three empty Lambda functions."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

from benchmarks.depot import Depot, spread

EXECUTIONS, WARM_UP = 100, 5
_NAME, _ROLE = "benchmark-empty", "arn:aws:iam::000000000000:role/benchmark"


def measure(depot: Depot) -> dict[str, Any]:
    """Return the milliseconds of a warm execution, from DescribeExecution's start and stop dates."""
    awslambda = depot.client("lambda")
    states = depot.client("stepfunctions")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("empty.py", "def handler(event, context):\n    return event\n")
    function = awslambda.create_function(
        FunctionName=_NAME,
        Runtime="python3.13",
        Role=_ROLE,
        Handler="empty.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    machine = states.create_state_machine(name=_NAME, roleArn=_ROLE, definition=_definition(function["FunctionArn"]))
    milliseconds = [_run(states, machine["stateMachineArn"]) for _ in range(WARM_UP + EXECUTIONS)][WARM_UP:]
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    awslambda.delete_function(FunctionName=_NAME)
    return spread(milliseconds)


def _definition(function: str) -> str:
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    task |= {"Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"}}
    task |= {"Output": "{% $states.result.Payload %}"}
    states = {"One": task | {"Next": "Two"}, "Two": task | {"Next": "Three"}, "Three": task | {"End": True}}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "One", "States": states})


def _run(states: Any, machine: str) -> float:
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    while (description := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.002)
    return float((description["stopDate"] - description["startDate"]).total_seconds() * 1000)
