"""Deliveries on the laptop's AWS: what failed is found, started once more, and an arrival given back and claimed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.items import from_item, to_item
from scones.progress import Progress
from scones.steps.account.package import state_machine
from scones.steps.deliveries import FAILED, DeliveryContext, failed_deliveries, list_deliveries, next_name, redrive
from scones.steps.run.delivery import Selection

NAMES = st.text("abc-r0123456789_", min_size=1, max_size=80) | st.from_regex(r"a{70,75}-r\d{1,4}", fullmatch=True)
NUMBERS = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/r"


@dataclass(frozen=True)
class Depot:
    """A machine that claims its arrival as the delivery's does, and then ends as its input says."""

    machine: str
    queue: str
    table: str
    client: Any
    eventually: Callable[..., Any]

    def start(self, name: str, then: str) -> str:
        text = json.dumps({"arrival_id": name, "s3_bucket": "b", "s3_key": f"arrivals/anna/{name}.png", "then": then})
        states = self.client("stepfunctions")
        self.limit(1 if then == "TIMED_OUT" else 3600)
        arn = states.start_execution(stateMachineArn=self.machine, name=name, input=text)["executionArn"]
        self.limit(3600)
        if then == "ABORTED":
            self.until(name, "ARRIVED")
            states.stop_execution(executionArn=arn, error="Stopped", cause="by hand")
        self.until_ended(name)
        return str(states.describe_execution(executionArn=arn)["status"])

    def limit(self, seconds: int) -> None:
        """What is started from now on times out after so long."""
        text = definition(self.table, seconds)
        self.client("stepfunctions").update_state_machine(stateMachineArn=self.machine, definition=text)

    def row(self, arrival: str) -> dict[str, Any]:
        key = to_item({"arrival_id": arrival})
        return from_item(self.client("dynamodb").get_item(TableName=self.table, Key=key).get("Item", {}))

    def until(self, arrival: str, state: str, execution: str | None = None) -> None:
        expected = {"state": state, "execution": execution or arrival}
        self.eventually(lambda: self.row(arrival).items() >= expected.items())

    def until_ended(self, name: str) -> None:
        states = self.client("stepfunctions")
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"
        self.eventually(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING")

    def context(self, dynamodb: Any = None) -> DeliveryContext:
        return DeliveryContext(
            self.machine,
            self.queue,
            self.table,
            stepfunctions=self.client("stepfunctions"),
            sqs=self.client("sqs"),
            dynamodb=dynamodb or self.client("dynamodb"),
        )

    def failed(self) -> list[tuple[str, str]]:
        found = failed_deliveries(self.context())
        return [(delivery["name"], delivery["status"]) for delivery in found]

    def redrive(self, dynamodb: Any = None) -> list[str]:
        started = redrive(self.context(dynamodb), progress=Progress())
        return [delivery["name"] for delivery in started]

    def executions(self) -> list[str]:
        return sorted(delivery["name"] for delivery in list_deliveries(self.context()))

    def messages(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def definition(table: str, seconds: int) -> str:
    """The delivery's own Claim, and then each way to end."""
    text = state_machine("delivery").decode()
    values = {"Partition": "aws", "ArrivalsTable": table, "KeptSeconds": "60", "RepeatSeconds": "60"}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    claim = {key: value for key, value in json.loads(text)["States"]["Claim"].items() if key not in ("Catch", "Retry")}
    ways = {"FAILED": "Fail", "ABORTED": "Wait", "TIMED_OUT": "Wait", "SUCCEEDED": "Succeed"}
    choices = [{"Condition": f"{{% $states.input.then = '{then}' %}}", "Next": way} for then, way in ways.items()]
    states = {
        "IsClaimable": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $exists($states.input.arrival_id) %}", "Next": "Claim"}],
            "Default": "Succeed",
        },
        "Claim": claim | {"Next": "End"},
        "End": {"Type": "Choice", "Choices": choices, "Default": "Fail"},
        "Fail": {"Type": "Fail", "Error": "Broken", "Cause": "it is broken"},
        "Wait": {"Type": "Wait", "Seconds": 60, "Next": "Succeed"},
        "Succeed": {"Type": "Succeed"},
    }
    return json.dumps(
        {"QueryLanguage": "JSONata", "StartAt": "IsClaimable", "TimeoutSeconds": seconds, "States": states}
    )


@pytest.fixture
def depot(localaws: Any, table: Callable[[str, str], str], eventually: Callable[..., Any]) -> Iterator[Depot]:
    arrivals, number = table("arrival_id", "arrived_at"), next(NUMBERS)
    states, sqs = localaws.client("stepfunctions"), localaws.client("sqs")
    made = states.create_state_machine(name=f"deliveries-{number}", definition=definition(arrivals, 3600), roleArn=ROLE)
    queue = sqs.create_queue(QueueName=f"dead-letters-{number}")["QueueUrl"]
    yield Depot(made["stateMachineArn"], queue, arrivals, localaws.client, eventually)
    for one in states.list_executions(stateMachineArn=made["stateMachineArn"], statusFilter="RUNNING")["executions"]:
        states.stop_execution(executionArn=one["executionArn"])
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])
    sqs.delete_queue(QueueUrl=queue)


@given(names=st.sets(NAMES, min_size=1, max_size=20))
def test_names_of_replays_fit_and_are_distinct(names: set[str]) -> None:
    following = [next_name(name) for name in names]
    assert all(1 <= len(name) <= 80 for name in following)
    assert len(set(following)) == len(names)
    assert not any(next_name(name) == name for name in names)


@given(name=NAMES, other=NAMES)
def test_replays_of_replays_are_counted_and_never_meet_another_s(name: str, other: str) -> None:
    found, theirs = [name], [other]
    for _ in range(12):
        found.append(next_name(found[-1]))
        theirs.append(next_name(theirs[-1]))
    assert len(set(found)) == 13
    assert found[-1] != theirs[-1] or set(found) & {other} or set(theirs) & {name}


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("gate", "gate-r1"),
        ("gate-r1", "gate-r2"),
        ("gate-r9", "gate-r10"),
        ("gate-r0", "gate-r0-r1"),
        ("-r1", "-r1-r1"),
    ],
)
def test_a_replay_is_named_after_the_first(name: str, following: str) -> None:
    assert next_name(name) == following


@pytest.mark.parametrize("status", FAILED)
def test_what_failed_is_started_once_more_and_claims_its_arrival(depot: Depot, status: str) -> None:
    assert depot.start("fine", "SUCCEEDED") == "SUCCEEDED"
    assert depot.start("a1", status) == status
    assert depot.failed() == [("a1", status)]
    assert depot.redrive() == ["a1"]
    depot.until("a1", "ARRIVED", "a1-r1")
    assert depot.executions() == ["a1", "a1-r1", "fine"]


def test_what_was_started_again_is_neither_listed_nor_started_again(depot: Depot) -> None:
    depot.start("a1", "ABORTED")
    assert depot.redrive() == ["a1"]
    assert (depot.redrive(), depot.failed()) == ([], [])
    assert depot.executions() == ["a1", "a1-r1"]


def test_a_replay_that_fails_is_started_again_under_the_next_number(depot: Depot) -> None:
    depot.start("a1", "FAILED")
    depot.redrive()
    for number in (1, 2):
        depot.until_ended(f"a1-r{number}")
        assert depot.redrive() == [f"a1-r{number}"]
    assert depot.executions() == ["a1", "a1-r1", "a1-r2", "a1-r3"]


def test_two_who_redrive_at_once_start_it_once_and_leave_the_arrival_with_its_replay(depot: Depot) -> None:
    depot.start("a1", "ABORTED")

    class Slower:
        """DynamoDB's client of one who finds the arrival, and of whom somebody else is ahead then."""

        def get_paginator(self, operation: str) -> Any:
            return depot.client("dynamodb").get_paginator(operation)

        def update_item(self, **request: Any) -> Any:
            assert depot.redrive() == ["a1"]
            depot.until("a1", "ARRIVED", "a1-r1")
            return depot.client("dynamodb").update_item(**request)

    assert depot.redrive(Slower()) == ["a1"]
    assert depot.executions() == ["a1", "a1-r1"]
    assert depot.row("a1")["execution"] == "a1-r1"


def test_an_event_that_started_nothing_is_listed_and_started_and_leaves_the_queue(depot: Depot) -> None:
    sqs = depot.client("sqs")
    event = {"detail": {"object": {"key": "arrivals/anna/1.png"}}}
    sent = [sqs.send_message(QueueUrl=depot.queue, MessageBody=json.dumps(event))["MessageId"] for _ in range(12)]
    listed = failed_deliveries(depot.context())
    assert {(one["status"], one["s3_key"]) for one in listed} == {("UNDELIVERED", "arrivals/anna/1.png")}
    assert sorted(depot.redrive()) == sorted(one["name"] for one in listed) == sorted(sent) == depot.executions()
    assert (depot.messages(), depot.failed(), depot.redrive()) == (0, [], [])


@pytest.mark.parametrize("body", ["no JSON", '{"detail": {}}'])
def test_a_dead_letter_without_an_image_stays_and_holds_up_no_other(depot: Depot, body: str) -> None:
    sqs, queue = depot.client("sqs"), depot.queue
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    good = sqs.send_message(QueueUrl=queue, MessageBody='{"s3_key": "arrivals/anna/1.png"}')["MessageId"]
    assert depot.redrive() == [good] == depot.executions()
    sqs.purge_queue(QueueUrl=queue)


def test_a_delivery_has_its_image_and_its_error(depot: Depot) -> None:
    depot.start("a1", "FAILED")
    (found,) = failed_deliveries(depot.context())
    assert (found["s3_key"], found["error"], found["cause"]) == ("arrivals/anna/a1.png", "Broken", "it is broken")
    assert found["started_at"].endswith("+00:00")


class Recording:
    """Step Functions' client that makes executions look older, and keeps what lists were asked for."""

    def __init__(self, client: Any, age: timedelta) -> None:
        self.client = client
        self.age = age
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def get_paginator(self, operation: str) -> Recording:
        return self

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(arguments)
        for page in self.client.get_paginator("list_executions").paginate(**arguments):
            yield {"executions": [one | {"startDate": one["startDate"] - self.age} for one in page["executions"]]}


@pytest.mark.parametrize(("days", "expected"), [(13, ["a1"]), (15, [])])
def test_failed_deliveries_are_those_of_the_last_fourteen_days(depot: Depot, days: int, expected: list[str]) -> None:
    depot.start("a1", "FAILED")
    depot.start("fine", "SUCCEEDED")
    stepfunctions: Any = Recording(depot.client("stepfunctions"), timedelta(days=days))
    found = failed_deliveries(replace(depot.context(), stepfunctions=stepfunctions))
    assert [delivery["name"] for delivery in found] == expected
    assert {asked.get("statusFilter") for asked in stepfunctions.asked} == set(FAILED)


def test_only_as_many_executions_are_described_as_are_listed(depot: Depot) -> None:
    for name in ("a1", "a2", "b1"):
        depot.start(name, "SUCCEEDED")
    stepfunctions: Any = Described(depot.client("stepfunctions"))
    context = replace(depot.context(), stepfunctions=stepfunctions)
    assert [delivery["name"] for delivery in list_deliveries(context, limit=2)] == ["b1", "a2"]
    assert sorted(stepfunctions.described) == ["a2", "b1"]


def test_a_driver_s_deliveries_are_found_behind_those_of_others(depot: Depot) -> None:
    for name in ("a1", "a2", "a3"):
        depot.start(name, "SUCCEEDED")
    assert len(list_deliveries(depot.context(), Selection(driver="anna"), limit=2)) == 2
    assert list_deliveries(depot.context(), Selection(driver="bert"), limit=2) == []


class Described:
    """A client of Step Functions that keeps the names of the executions that it describes."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.described: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def describe_execution(self, executionArn: str) -> Any:
        self.described.append(executionArn.rpartition(":")[2])
        return self.client.describe_execution(executionArn=executionArn)
