"""Executions on the laptop's AWS, and causes as Step Functions writes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st

from scones.progress import Progress
from scones.steps.run.executions import (
    execution_arn,
    failure_reason,
    follow,
    history,
    list_executions,
    start_execution,
    stop_execution,
)

from ..conftest import Lossy, Notes

ROLE = "arn:aws:iam::000000000000:role/r"
NUMBERS = itertools.count()
STATES = {
    "Prepare": {"Type": "Pass", "Next": "Wait"},
    "Wait": {"Type": "Wait", "Seconds": 0, "Next": "IsDone"},
    "IsDone": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $exists($states.input.done) %}", "Next": "Fail"}],
        "Default": "Done",
    },
    "Done": {"Type": "Pass", "Output": {"done": True}, "Next": "Wait"},
    "Fail": {"Type": "Fail", "Error": "Broken", "Cause": "it is broken"},
}


@pytest.fixture
def machine(localaws: Any) -> Iterator[str]:
    """A state machine that goes through a loop twice and then fails."""
    stepfunctions = localaws.client("stepfunctions")
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Prepare", "States": STATES})
    created = stepfunctions.create_state_machine(
        name=f"executions-{next(NUMBERS)}", definition=definition, roleArn=ROLE
    )
    yield created["stateMachineArn"]
    stepfunctions.delete_state_machine(stateMachineArn=created["stateMachineArn"])


@pytest.fixture
def start(localaws: Any, machine: str) -> Callable[[str], str]:
    """Starts an execution by its name; returns its ARN."""

    def start_execution(name: str) -> str:
        started = localaws.client("stepfunctions").start_execution(stateMachineArn=machine, name=name, input="{}")
        return str(started["executionArn"])

    return start_execution


def test_following_shows_each_state_once_and_ends_with_the_execution(
    localaws: Any, start: Callable[[str], str]
) -> None:
    shown: list[list[str]] = []
    described = follow(
        start("first"), shown.append, stepfunctions=localaws.client("stepfunctions"), progress=Progress()
    )
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "Broken", "it is broken")
    assert shown[-1] == ["Prepare", "Wait", "IsDone", "Done", "Fail"]
    assert all(states == shown[-1][: len(states)] for states in shown)


def test_following_waits_between_two_looks_at_a_running_execution() -> None:
    class Running:
        """Step Functions with one execution, which ends when it is described for the third time."""

        def __init__(self) -> None:
            self.described = 0

        def describe_execution(self, executionArn: str) -> dict[str, str]:
            self.described += 1
            return {"status": "RUNNING" if self.described < 3 else "SUCCEEDED"}

        def get_paginator(self, operation: str) -> Running:
            assert operation == "get_execution_history"
            return self

        def paginate(self, executionArn: str) -> list[dict[str, Any]]:
            return [{"events": [{"stateEnteredEventDetails": {"name": f"S{n}"}}]} for n in range(self.described)]

    slept: list[float] = []
    shown: list[list[str]] = []
    stepfunctions: Any = Running()
    assert (
        follow("arn", shown.append, stepfunctions=stepfunctions, progress=Progress(), sleep=slept.append)["status"]
        == "SUCCEEDED"
    )
    assert slept == [1, 1]
    assert shown == [["S0"], ["S0", "S1"], ["S0", "S1", "S2"]]


@pytest.mark.parametrize("operation", ["describe_execution", "get_execution_history"])
def test_following_goes_on_after_a_call_that_failed(localaws: Any, start: Callable[[str], str], operation: str) -> None:
    notes = Notes()
    stepfunctions: Any = Lossy(localaws.client("stepfunctions"), operation, before=True)
    described = follow(start("first"), lambda states: None, stepfunctions=stepfunctions, progress=notes)
    assert (described["status"], len(notes.noted)) == ("FAILED", 1)


def test_an_execution_is_started_once_although_its_first_answer_was_lost(localaws: Any, machine: str) -> None:
    client = localaws.client("stepfunctions")
    stepfunctions: Any = Lossy(client, "start_execution")
    with pytest.raises(ConnectionClosedError):
        start_execution(machine, "first", "{}", stepfunctions=stepfunctions)
    execution = start_execution(machine, "first", "{}", stepfunctions=stepfunctions)
    follow(execution, lambda states: None, stepfunctions=client, progress=Progress())
    # Once it has ended, Step Functions says that the name is in use.
    assert start_execution(machine, "first", "{}", stepfunctions=client) == execution == execution_arn(machine, "first")
    assert len(list(list_executions(machine, stepfunctions=client))) == 1


def test_a_name_that_is_in_use_with_another_input_is_an_error(
    localaws: Any, machine: str, start: Callable[[str], str]
) -> None:
    start("first")
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start_execution(machine, "first", '{"other": 1}', stepfunctions=localaws.client("stepfunctions"))


def test_stopping_an_execution_that_has_ended_or_never_was_is_no_error(
    localaws: Any, machine: str, start: Callable[[str], str]
) -> None:
    class Refusing:
        """Step Functions that refuses to stop an execution that has ended."""

        describe_execution = localaws.client("stepfunctions").describe_execution

        def stop_execution(self, **arguments: Any) -> Any:
            response: Any = {"Error": {"Code": "ValidationException", "Message": "it has ended"}}
            raise ClientError(response, "StopExecution")

    client = localaws.client("stepfunctions")
    follow(start("first"), lambda states: None, stepfunctions=client, progress=Progress())
    stop_execution(execution_arn(machine, "first"), "Cleanup", stepfunctions=Refusing())  # type: ignore[arg-type]
    stop_execution(execution_arn(machine, "never"), "Cleanup", stepfunctions=client)


def test_all_executions_are_listed_the_newest_first(localaws: Any, machine: str, start: Callable[[str], str]) -> None:
    stepfunctions = localaws.client("stepfunctions")
    for name in ("first", "second"):
        follow(start(name), lambda states: None, stepfunctions=stepfunctions, progress=Progress())
    assert [execution["name"] for execution in list_executions(machine, stepfunctions=stepfunctions)] == [
        "second",
        "first",
    ]


def test_a_history_has_its_events_in_order(localaws: Any, start: Callable[[str], str]) -> None:
    stepfunctions = localaws.client("stepfunctions")
    execution = start("first")
    follow(execution, lambda states: None, stepfunctions=stepfunctions, progress=Progress())
    events = list(history(execution, stepfunctions=stepfunctions))
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionFailed")
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)


def test_the_reason_of_a_failed_job_is_its_failure_reason() -> None:
    described = {"TrainingJobName": "scones-1", "FailureReason": "AlgorithmError: TrainingDivergedError: nan"}
    assert failure_reason(json.dumps(described)) == "AlgorithmError: TrainingDivergedError: nan"


def test_the_reason_of_a_failed_lambda_is_its_error_message() -> None:
    cause = json.dumps({"errorType": "ModelBelowGateError", "errorMessage": "accuracy 0.5 is below 0.8"})
    assert failure_reason(json.dumps({"Error": "x", "Cause": cause})) == "accuracy 0.5 is below 0.8"


@given(st.text() | st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_every_cause_has_a_reason(cause: str) -> None:
    assert isinstance(failure_reason(cause), str)
