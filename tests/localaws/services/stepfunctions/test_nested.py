"""`states:startExecution.sync:2`, as the Step Functions Developer Guide describes it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

SYNC = "arn:aws:states:::states:startExecution.sync"


@pytest.fixture(scope="module")
def child(create: Callable[..., str]) -> str:
    """A machine that doubles a number, fails without one, and waits where it is told to."""
    states = {
        "Which": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $exists($states.input.wait) %}", "Next": "Waiting"},
                {"Condition": "{% $exists($states.input.number) %}", "Next": "Doubled"},
            ],
            "Default": "Broken",
        },
        "Waiting": {"Type": "Wait", "Seconds": 3600, "Next": "Doubled"},
        "Doubled": {"Type": "Pass", "Output": {"doubled": "{% $states.input.number * 2 %}"}, "End": True},
        "Broken": {"Type": "Fail", "Error": "NoNumber", "Cause": "there is no number"},
    }
    return create("nested-child", {"QueryLanguage": "JSONata", "StartAt": "Which", "States": states})


@pytest.fixture(scope="module")
def parent(create: Callable[..., str], child: str) -> Callable[[str], str]:
    """A machine that runs the child with its own input, by the integration with this suffix."""

    def made(suffix: str) -> str:
        arguments = {"StateMachineArn": child, "Name": "{% $states.input.name %}", "Input": "{% $states.input.data %}"}
        task = {"Type": "Task", "Resource": f"{SYNC}{suffix}", "Arguments": arguments, "End": True}
        name = f"nested-parent{suffix.replace(':', '-')}"
        return create(name, {"QueryLanguage": "JSONata", "StartAt": "Child", "States": {"Child": task}})

    return made


@pytest.mark.parametrize(("suffix", "output"), [(":2", {"doubled": 42}), ("", '{"doubled":42}')])
def test_the_parent_gets_the_description_of_a_child_that_succeeds(
    run: Callable[..., dict[str, Any]], parent: Callable[[str], str], suffix: str, output: object
) -> None:
    name = f"succeeds{suffix.replace(':', '-')}"
    ended = run(parent(suffix), {"name": name, "data": {"number": 21}})
    described = json.loads(ended["output"])
    found = described["Output"].replace(" ", "") if isinstance(described["Output"], str) else described["Output"]
    assert (described["Status"], described["Name"], found) == ("SUCCEEDED", name, output)


def test_a_child_that_fails_is_a_failed_task_with_its_description_as_the_cause(
    run: Callable[..., dict[str, Any]], parent: Callable[[str], str]
) -> None:
    ended = run(parent(":2"), {"name": "fails", "data": {}})
    described = json.loads(ended["cause"])
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert (described["Status"], described["Error"], described["Cause"]) == ("FAILED", "NoNumber", "there is no number")


def test_a_child_whose_name_is_taken_is_not_started(
    run: Callable[..., dict[str, Any]], parent: Callable[[str], str]
) -> None:
    machine = parent(":2")
    run(machine, {"name": "taken", "data": {"number": 1}})
    ended = run(machine, {"name": "taken", "data": {"number": 2}})
    assert ended["error"] == "StepFunctions.ExecutionAlreadyExistsException"


def test_stopping_the_parent_stops_the_child(
    localaws: Any, eventually: Callable[..., Any], end_of: Callable[[str], dict[str, Any]],
    parent: Callable[[str], str], child: str,
) -> None:  # fmt: skip
    states = localaws.client("stepfunctions")
    request = json.dumps({"name": "stopped", "data": {"wait": True, "number": 1}})
    execution = states.start_execution(stateMachineArn=parent(":2"), input=request)["executionArn"]

    def running() -> bool:
        children = states.list_executions(stateMachineArn=child, statusFilter="RUNNING")["executions"]
        return [execution["name"] for execution in children] == ["stopped"]

    eventually(running)
    states.stop_execution(executionArn=execution)
    assert end_of(f"{child.replace(':stateMachine:', ':execution:')}:stopped")["status"] == "ABORTED"
