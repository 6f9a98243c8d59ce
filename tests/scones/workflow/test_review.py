"""Review against a real table, bucket, topic and waiting execution: one answer, handed on wherever it dies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scones.contract.delivery import ImageData
from scones.errors import BadAnswerError, ReviewAnsweredError, ReviewClosedError, ReviewNotFoundError
from scones.items import from_item
from scones.workflow.review import Desk, answer, ask, oldest, waiting

from .conftest import Killed, Mortal

NOW = datetime.now(UTC)
WAITS = {
    "StartAt": "Review",
    "QueryLanguage": "JSONata",
    "States": {
        "Review": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"QueueUrl": "", "MessageBody": "{% $states.context.Task.Token %}"},
            "Output": "{% $states.result %}",
            "End": True,
        }
    },
}


@dataclass(frozen=True)
class Depot:
    """A desk, and deliveries that wait: `start` returns an execution's ARN and its token."""

    desk: Desk
    client: Any
    machine: str
    queue: str
    eventually: Callable[..., Any]

    def start(self) -> tuple[str, str]:
        execution = self.client("stepfunctions").start_execution(stateMachineArn=self.machine)["executionArn"]
        message = self.message(self.queue)
        self.client("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return execution, message["Body"]

    def message(self, queue: str) -> dict[str, str]:
        sqs = self.client("sqs")
        (message,) = self.eventually(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10).get("Messages"))
        return dict(message)

    def output(self, execution: str) -> Any:
        states = self.client("stepfunctions")
        return json.loads(self.eventually(lambda: states.describe_execution(executionArn=execution).get("output")))

    def row(self, arrival: str) -> dict[str, Any]:
        key = {"arrival_id": {"S": arrival}}
        return from_item(self.client("dynamodb").get_item(TableName=self.desk.table, Key=key)["Item"])


@pytest.fixture
def depot(localaws: Any, table: Callable[[str, str], str], eventually: Callable[..., Any]) -> Iterator[Depot]:
    s3, sqs, states = (localaws.client(name) for name in ("s3", "sqs", "stepfunctions"))
    s3.create_bucket(Bucket="depot")
    s3.put_object(Bucket="depot", Key="arrivals/anna/1 gate.PNG", Body=b"picture")
    queue = sqs.create_queue(QueueName="tokens")["QueueUrl"]
    definition = json.loads(json.dumps(WAITS).replace('"QueueUrl": ""', json.dumps({"QueueUrl": queue})[1:-1]))
    role = "arn:aws:iam::000000000000:role/r"
    machine = states.create_state_machine(name="waits", definition=json.dumps(definition), roleArn=role)
    topic = localaws.client("sns").create_topic(Name="reviews")["TopicArn"]
    clients = {name: localaws.client(name) for name in ("dynamodb", "s3", "sns", "stepfunctions")}
    desk = Desk(table("arrival_id", "asked_at"), topic, 900, **clients)
    yield Depot(desk, localaws.client, machine["stateMachineArn"], queue, eventually)
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    sqs.delete_queue(QueueUrl=queue)
    for stored in s3.list_objects_v2(Bucket="depot")["Contents"]:
        s3.delete_object(Bucket="depot", Key=stored["Key"])
    s3.delete_bucket(Bucket="depot")


def data(arrival: str = "a1") -> ImageData:
    return {
        "image_data": "",
        "s3_bucket": "depot",
        "s3_key": "arrivals/anna/1 gate.PNG",
        "arrival_id": arrival,
        "inferences": [0.6, 0.4],
        "labels": ["bicycle", "motorcycle"],
        "model": "m1",
        "novelty": 0.25,
    }


def test_an_answer_wakes_its_delivery_and_becomes_a_label(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    given = answer("a1", "motorcycle", "anna", desk=depot.desk, now=NOW)
    assert depot.output(execution) == given
    label = json.loads(depot.desk.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read())
    assert (label["answer"], label["reviewer"], label["model"]) == ("motorcycle", "anna", "m1")
    assert depot.desk.s3.get_object(Bucket="depot", Key=label["image_key"])["Body"].read() == b"picture"


def test_a_second_answer_is_told_of_the_first(depot: Depot) -> None:
    ask(data(), depot.start()[1], desk=depot.desk, now=NOW)
    answer("a1", "motorcycle", "anna", desk=depot.desk, now=NOW)
    with pytest.raises(ReviewAnsweredError, match="anna has answered motorcycle"):
        answer("a1", "bicycle", "ben", desk=depot.desk, now=NOW + timedelta(seconds=9))
    assert depot.row("a1")["answer"] == "motorcycle"


def test_the_token_leaves_the_table_only_for_step_functions(depot: Depot, capsys: pytest.CaptureFixture[str]) -> None:
    sqs, sns = depot.client("sqs"), depot.client("sns")
    seen = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=seen, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=depot.desk.topic, Protocol="sqs", Endpoint=arn)
    _, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    listed = waiting(desk=depot.desk, now=NOW)
    given = answer("a1", "neither", "anna", desk=depot.desk, now=NOW)
    told = depot.message(seen)
    label = depot.desk.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read().decode()
    sqs.delete_queue(QueueUrl=seen)
    assert "arrivals/anna/1 gate.PNG" in told["Body"]
    for text in (json.dumps(listed), json.dumps(given), told["Body"], label, "".join(capsys.readouterr())):
        assert token not in text
    assert "token" not in depot.row("a1")


def test_what_waits_is_listed_oldest_first_until_it_is_due(depot: Depot) -> None:
    for number, minutes in (("a1", 5), ("a2", 10), ("a3", 20)):
        ask(data(number), "t" * 50, desk=depot.desk, now=NOW - timedelta(minutes=minutes))
    found = waiting(desk=depot.desk, now=NOW)
    assert [review["arrival_id"] for review in found] == ["a2", "a1"]
    assert (found[0]["inferences"], found[0]["novelty"], found[0]["model"]) == ([0.6, 0.4], 0.25, "m1")
    assert oldest(desk=depot.desk, now=NOW)["OldestReview"] == 600


def test_nothing_waiting_is_an_age_of_nought(depot: Depot) -> None:
    assert oldest(desk=depot.desk, now=NOW)["OldestReview"] == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 8))
def test_an_answer_that_dies_at_any_call_is_handed_on_by_the_next(depot: Depot, call: int, after: bool) -> None:
    """Seven calls: the row, the answer, the row, the picture's copy, the label, the waking, the token's removal."""
    execution, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    mortal = Mortal(call, after)
    clients = {name: mortal.wrap(getattr(depot.desk, name)) for name in ("dynamodb", "s3", "sns", "stepfunctions")}
    with pytest.raises(Killed):
        answer("a1", "bicycle", "anna", desk=replace(depot.desk, **clients), now=NOW)
    with suppress(ReviewAnsweredError, ReviewClosedError):
        answer("a1", "bicycle", "anna", desk=depot.desk, now=NOW + timedelta(seconds=1))
    assert depot.output(execution)["answer"] == "bicycle"
    assert json.loads(depot.desk.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read())
    assert "token" not in depot.row("a1")


def test_an_answer_that_died_on_its_way_is_handed_on_by_whoever_lists_next(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    dying = replace(depot.desk, dynamodb=Mortal(2, after=True).wrap(depot.desk.dynamodb))
    with pytest.raises(Killed):
        answer("a1", "bicycle", "anna", desk=dying, now=NOW)
    assert waiting(desk=depot.desk, now=NOW) == []
    assert depot.output(execution)["answer"] == "bicycle"
    assert (depot.row("a1")["state"], "token" in depot.row("a1")) == ("ANSWERED", False)


def test_an_arrival_that_was_answered_and_is_asked_about_again_gets_that_answer(depot: Depot) -> None:
    ask(data(), depot.start()[1], desk=depot.desk, now=NOW)
    given = answer("a1", "motorcycle", "anna", desk=depot.desk, now=NOW)
    execution, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    assert depot.output(execution) == given


def test_an_answer_that_comes_too_late_is_kept_and_said_to_be_late(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, desk=depot.desk, now=NOW)
    depot.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    depot.output(execution)
    with pytest.raises(ReviewClosedError, match="no longer does; the label is kept"):
        answer("a1", "bicycle", "anna", desk=depot.desk, now=NOW)


def test_nobody_answers_what_nobody_asked(depot: Depot) -> None:
    with pytest.raises(ReviewNotFoundError, match="nobody asked about a9"):
        answer("a9", "bicycle", "anna", desk=depot.desk, now=NOW)


def test_an_answer_is_one_of_the_models_classes_or_neither(depot: Depot) -> None:
    ask(data(), "t" * 50, desk=depot.desk, now=NOW)
    with pytest.raises(BadAnswerError, match="'scooter' is none of bicycle, motorcycle, neither"):
        answer("a1", "scooter", "anna", desk=depot.desk, now=NOW)
