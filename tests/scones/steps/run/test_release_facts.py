from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.steps.run.executions import history
from scones.steps.run.release_facts import Traces, newest_release, release_facts, traces

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/scones:1"
PACKAGE = "arn:aws:sagemaker:us-east-1:000000000000:model-package/scones/1"


def entered(name: str) -> dict[str, Any]:
    return {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}


def scheduled(parameters: object) -> dict[str, Any]:
    return {"type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": json.dumps(parameters)}}


def succeeded(output: object) -> dict[str, Any]:
    return {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": json.dumps(output)}}


def test_a_history_names_the_container_image_and_the_model_package() -> None:
    events = [
        entered("Train"),
        scheduled({"AlgorithmSpecification": {"TrainingImage": IMAGE}}),
        succeeded({"ModelPackageArn": "not this one"}),
        entered("Register"),
        scheduled({}),
        succeeded({"ModelPackageArn": PACKAGE}),
    ]
    assert traces(events) == Traces(container_image=IMAGE, model_package=PACKAGE)


def test_the_state_that_failed_is_the_task_and_not_the_fail_state_after_it() -> None:
    failed = {"type": "TaskFailed", "taskFailedEventDetails": {"error": "E"}}
    events = [entered("Train"), entered("Gate"), failed, entered("BelowGate"), {"type": "ExecutionFailed"}]
    assert traces(events).failed_state == "Gate"


@given(st.sampled_from(["Train", "Register"]), st.none() | st.text(max_size=5).map(json.dumps) | st.just("[1]"))
def test_parameters_and_outputs_that_are_no_objects_tell_nothing(state: str, text: str | None) -> None:
    events = [
        entered(state),
        {"type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": text}},
        {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": text}},
    ]
    assert traces(events) == Traces()


@pytest.fixture
def failing(localaws: Any) -> str:
    """The ARN of a state machine that succeeds or fails as its input says."""
    choice = {"Condition": "{% $states.input.passes %}", "Next": "Released"}
    states = {
        "Gate": {"Type": "Choice", "Choices": [choice], "Default": "BelowGate"},
        "BelowGate": {"Type": "Fail", "Error": "ModelBelowGateError", "Cause": json.dumps({"errorMessage": "too low"})},
        "Released": {"Type": "Succeed"},
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Gate", "States": states})
    role = "arn:aws:iam::000000000000:role/any"
    machine = localaws.client("stepfunctions").create_state_machine(name="facts", definition=definition, roleArn=role)
    return str(machine["stateMachineArn"])


def test_the_newest_release_counts_even_if_it_failed(
    localaws: Any, failing: str, eventually: Callable[..., Any]
) -> None:
    states = localaws.client("stepfunctions")
    assert newest_release(failing, stepfunctions=states) is None
    for name, passes in (("first", True), ("second", False)):
        request = {"name": name, "digest": "3f2a", "passes": passes, "minimum_accuracy": 0.9}
        started = states.start_execution(stateMachineArn=failing, name=name, input=json.dumps(request))
        arn = started["executionArn"]
        eventually(lambda arn=arn: states.describe_execution(executionArn=arn)["status"] != "RUNNING")
    newest = newest_release(failing, stepfunctions=states)
    assert newest
    events: Any = history(newest["executionArn"], stepfunctions=states)
    facts = release_facts(newest, events, stepfunctions=states)
    assert facts == {
        "name": "second",
        "status": "FAILED",
        "started_at": newest["startDate"].isoformat(),
        "digest": "3f2a",
        "hyperparameters": {},
        "minimum_accuracy": 0.9,
        "version": None,
        "container_image": None,
        "model_package": None,
        "failed_state": None,
        "error": "ModelBelowGateError",
        "cause": "too low",
    }
