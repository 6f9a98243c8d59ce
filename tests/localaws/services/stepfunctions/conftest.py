import json
from collections.abc import Callable
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="session")
def create(localaws: Any) -> Callable[..., str]:
    """Creates a state machine and returns its ARN."""

    def made(name: str, definition: dict[str, Any]) -> str:
        client = localaws.client("stepfunctions")
        return str(
            client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
        )

    return made


@pytest.fixture(scope="session")
def end_of(localaws: Any, eventually: Callable[..., Any]) -> Callable[[str], dict[str, Any]]:
    """Waits for an execution and describes it."""

    def described(execution: str) -> dict[str, Any]:
        client = localaws.client("stepfunctions")

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = client.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        result: dict[str, Any] = eventually(ended)
        return result

    return described


@pytest.fixture(scope="session")
def run(localaws: Any, end_of: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Runs a machine to its end and describes the execution."""

    def ran(machine: str, data: object = None) -> dict[str, Any]:
        client = localaws.client("stepfunctions")
        return end_of(client.start_execution(stateMachineArn=machine, input=json.dumps(data))["executionArn"])

    return ran
