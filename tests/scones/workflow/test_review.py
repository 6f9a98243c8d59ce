"""Review with a real table, bucket, topic and waiting execution: one answer, delivered despite crashes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scones.contract.delivery import ImageData
from scones.errors import BadAnswerError, ReviewAnsweredError, ReviewClosedError, ReviewNotFoundError
from scones.items import from_item
from scones.workflow.review import ReviewContext, answer, ask, list_waiting, measure, oldest_review_metric

from .fakes import Crash, CrashingClients, FailingClient

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
    """A review context, and deliveries that wait: `start` returns the ARN and the token of one."""

    context: ReviewContext
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
        return from_item(self.client("dynamodb").get_item(TableName=self.context.table, Key=key)["Item"])


@pytest.fixture
def depot(localaws: Any, table: Callable[[str, str], str], eventually: Callable[..., Any]) -> Iterator[Depot]:
    s3, sqs, states = (localaws.client(name) for name in ("s3", "sqs", "stepfunctions"))
    s3.create_bucket(Bucket="depot")
    s3.put_object(Bucket="depot", Key="arrivals/anna/1 gate.PNG", Body=b"image")
    queue = sqs.create_queue(QueueName="tokens")["QueueUrl"]
    definition = json.loads(json.dumps(WAITS).replace('"QueueUrl": ""', json.dumps({"QueueUrl": queue})[1:-1]))
    role = "arn:aws:iam::000000000000:role/r"
    machine = states.create_state_machine(name="waits", definition=json.dumps(definition), roleArn=role)
    topic = localaws.client("sns").create_topic(Name="reviews")["TopicArn"]
    clients = {name: localaws.client(name) for name in ("dynamodb", "s3", "sns", "stepfunctions")}
    context = ReviewContext(table("arrival_id", "asked_at"), topic, 900, **clients)
    yield Depot(context, localaws.client, machine["stateMachineArn"], queue, eventually)
    states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
    sqs.delete_queue(QueueUrl=queue)
    for stored in s3.list_objects_v2(Bucket="depot").get("Contents", []):
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


def test_an_answer_completes_its_delivery_and_becomes_a_label(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    review_answer = answer("a1", "motorcycle", "anna", context=depot.context, now=NOW)
    assert depot.output(execution) == review_answer
    label = json.loads(depot.context.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read())
    assert (label["answer"], label["reviewer"], label["model"]) == ("motorcycle", "anna", "m1")
    assert depot.context.s3.get_object(Bucket="depot", Key=label["image_key"])["Body"].read() == b"image"


def test_a_second_answer_is_refused_with_the_first(depot: Depot) -> None:
    ask(data(), depot.start()[1], context=depot.context, now=NOW)
    answer("a1", "motorcycle", "anna", context=depot.context, now=NOW)
    with pytest.raises(ReviewAnsweredError, match="anna has already answered motorcycle"):
        answer("a1", "bicycle", "ben", context=depot.context, now=NOW + timedelta(seconds=9))
    assert depot.row("a1")["answer"] == "motorcycle"


def test_a_repeated_answer_is_the_stored_one(depot: Depot) -> None:
    ask(data(), depot.start()[1], context=depot.context, now=NOW)
    first = answer("a1", "motorcycle", "anna", context=depot.context, now=NOW)
    assert answer("a1", "motorcycle", "anna", context=depot.context, now=NOW + timedelta(seconds=9)) == first


def test_the_token_leaves_the_table_only_for_step_functions(depot: Depot, capsys: pytest.CaptureFixture[str]) -> None:
    sqs, sns = depot.client("sqs"), depot.client("sns")
    subscriber = sqs.create_queue(QueueName="reviewers")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=subscriber, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=depot.context.topic, Protocol="sqs", Endpoint=arn)
    _, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    listed = list_waiting(context=depot.context, now=NOW)
    review_answer = answer("a1", "neither", "anna", context=depot.context, now=NOW)
    notification = depot.message(subscriber)
    label = depot.context.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read().decode()
    sqs.delete_queue(QueueUrl=subscriber)
    assert "arrivals/anna/1 gate.PNG" in notification["Body"]
    for text in (
        json.dumps(listed),
        json.dumps(review_answer),
        notification["Body"],
        label,
        "".join(capsys.readouterr()),
    ):
        assert token not in text
    assert "token" not in depot.row("a1")


def test_waiting_reviews_are_listed_oldest_first_until_they_are_due(depot: Depot) -> None:
    for number, minutes in (("a1", 5), ("a2", 10), ("a3", 20)):
        ask(data(number), "t" * 50, context=depot.context, now=NOW - timedelta(minutes=minutes))
    reviews = list_waiting(context=depot.context, now=NOW)
    assert [review["arrival_id"] for review in reviews] == ["a2", "a1"]
    assert (reviews[0]["inferences"], reviews[0]["novelty"], reviews[0]["model"]) == ([0.6, 0.4], 0.25, "m1")
    assert oldest_review_metric(context=depot.context, now=NOW)["OldestReview"] == 600


def test_the_metric_is_0_if_no_review_waits(depot: Depot) -> None:
    assert oldest_review_metric(context=depot.context, now=NOW)["OldestReview"] == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 9))
def test_an_answer_that_crashes_at_any_call_is_delivered_by_the_next(depot: Depot, call: int, after: bool) -> None:
    """The calls: the row, the answer, the row, the task, the token's removal, the copy, the label, the state."""
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    crashing = CrashingClients(call, after)
    clients = {name: crashing.wrap(getattr(depot.context, name)) for name in ("dynamodb", "s3", "sns", "stepfunctions")}
    with pytest.raises(Crash):
        answer("a1", "bicycle", "anna", context=replace(depot.context, **clients), now=NOW)
    with suppress(ReviewAnsweredError, ReviewClosedError):
        answer("a1", "bicycle", "anna", context=depot.context, now=NOW + timedelta(seconds=1))
    list_waiting(context=depot.context, now=NOW)
    assert depot.output(execution)["answer"] == "bicycle"
    assert json.loads(depot.context.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read())
    assert "token" not in depot.row("a1")


def test_an_answer_that_crashed_is_delivered_by_the_next_listing(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    crashing_context = replace(depot.context, dynamodb=CrashingClients(2, after=True).wrap(depot.context.dynamodb))
    with pytest.raises(Crash):
        answer("a1", "bicycle", "anna", context=crashing_context, now=NOW)
    assert list_waiting(context=depot.context, now=NOW) == []
    assert depot.output(execution)["answer"] == "bicycle"
    assert (depot.row("a1")["state"], "token" in depot.row("a1")) == ("ANSWERED", False)


def delete_image(depot: Depot) -> None:
    """Delete the image and its earlier versions, as the bucket's expiry does."""
    depot.context.s3.delete_object(Bucket="depot", Key="arrivals/anna/1 gate.PNG")


def test_an_answer_for_a_deleted_image_wakes_its_delivery(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    delete_image(depot)
    review_answer = answer("a1", "bicycle", "anna", context=depot.context, now=NOW)
    assert depot.output(execution) == review_answer
    assert depot.row("a1")["state"] == "ANSWERED"


def test_a_review_that_fails_hides_no_other_and_is_repeated(depot: Depot, capsys: pytest.CaptureFixture[str]) -> None:
    execution, token = depot.start()
    ask(data("a1"), token, context=depot.context, now=NOW)
    ask(data("a2"), "t" * 50, context=depot.context, now=NOW)
    unavailable = replace(depot.context, stepfunctions=FailingClient("send_task_success"))
    with pytest.raises(ClientError):
        answer("a1", "bicycle", "anna", context=unavailable, now=NOW)
    assert [review["arrival_id"] for review in list_waiting(context=unavailable, now=NOW)] == ["a2"]
    measure(context=unavailable, now=NOW + timedelta(seconds=60))
    assert '"OldestReview": 60' in capsys.readouterr().out
    list_waiting(context=depot.context, now=NOW)
    assert depot.output(execution)["answer"] == "bicycle"


def test_a_label_that_cannot_be_written_is_written_by_the_next_listing(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    answer("a1", "bicycle", "anna", context=replace(depot.context, s3=FailingClient("copy_object")), now=NOW)
    assert depot.output(execution)["answer"] == "bicycle"
    assert depot.row("a1")["state"] == "ANSWERING"
    list_waiting(context=depot.context, now=NOW)
    assert depot.row("a1")["state"] == "ANSWERED"
    assert json.loads(depot.context.s3.get_object(Bucket="depot", Key="labels/a1.json")["Body"].read())


def test_a_notification_that_fails_does_not_end_the_review(depot: Depot) -> None:
    context = replace(depot.context, sns=FailingClient("publish"))
    ask(data(), "t" * 50, context=context, now=NOW)
    assert [review["arrival_id"] for review in list_waiting(context=context, now=NOW)] == ["a1"]


def test_an_answered_arrival_that_is_reviewed_again_gets_the_same_answer(depot: Depot) -> None:
    ask(data(), depot.start()[1], context=depot.context, now=NOW)
    review_answer = answer("a1", "motorcycle", "anna", context=depot.context, now=NOW)
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    assert depot.output(execution) == review_answer


def test_a_late_answer_is_kept_and_raises_review_closed(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    depot.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    depot.output(execution)
    with pytest.raises(ReviewClosedError, match="no longer does; the label is kept"):
        answer("a1", "bicycle", "anna", context=depot.context, now=NOW + timedelta(seconds=900))


def test_an_answer_that_another_call_delivers_is_taken(depot: Depot) -> None:
    execution, token = depot.start()
    ask(data(), token, context=depot.context, now=NOW)
    lost = CrashingClients(4, after=True)
    clients = {name: lost.wrap(getattr(depot.context, name)) for name in ("dynamodb", "stepfunctions")}
    with pytest.raises(Crash):
        answer("a1", "bicycle", "anna", context=replace(depot.context, **clients), now=NOW)
    assert answer("a1", "bicycle", "anna", context=depot.context, now=NOW) == depot.output(execution)


def test_an_answer_to_an_unknown_arrival_is_refused(depot: Depot) -> None:
    with pytest.raises(ReviewNotFoundError, match="a9 has no review"):
        answer("a9", "bicycle", "anna", context=depot.context, now=NOW)


def test_an_answer_must_be_a_class_or_neither(depot: Depot) -> None:
    ask(data(), "t" * 50, context=depot.context, now=NOW)
    with pytest.raises(BadAnswerError, match="'scooter' is not one of bicycle, motorcycle, neither"):
        answer("a1", "scooter", "anna", context=depot.context, now=NOW)
