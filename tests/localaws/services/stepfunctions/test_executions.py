from collections.abc import Callable
from typing import Any

import pytest

Create = Callable[..., str]


def test_a_name_starts_one_execution(create: Create, localaws: Any) -> None:
    wait = {"Type": "Wait", "SecondsPath": "$", "End": True}
    arn = create("once", {"StartAt": "W", "States": {"W": wait}})
    client = localaws.client("stepfunctions")

    def start(seconds: str) -> str:
        return str(client.start_execution(stateMachineArn=arn, name="n", input=seconds)["executionArn"])

    first = start("600")
    assert start("600") == first
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        start("601")
    client.stop_execution(executionArn=first)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        start("600")
