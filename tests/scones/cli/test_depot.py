"""The depot's commands and `stage --labels`, with stacks that have only outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scones.cli import app
from scones.errors import OrderError, UsageError
from scones.steps.dataset.sketches import draw, png

from .program import scones

ARRIVAL = "0123456789abcdef" * 2
Run = Callable[..., Result]


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
    made |= {"DeliveryMachine": machine, "DeadLetters": queue, "Bucket": "depot-cli"}
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


def test_orders_are_added_imported_and_listed(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("orders", "list").stdout) == []
    add = ("orders", "add", "o-17", "--promised", "2026-11-25T19:30+01:00", "--km", "3.2")
    assert json.loads(run(*add).stdout) == [{"order_id": "o-17", "added": True}]
    assert json.loads(run(*add).stdout) == [{"order_id": "o-17", "added": False}]
    evening = tmp_path / "evening.csv"
    evening.write_text("order_id,promised_at,distance_km\no-17,2026-11-25T19:30Z,9\no-18,2026-11-25T18:00Z,9\n")
    done = run("orders", "import", str(evening))
    assert json.loads(done.stdout) == [{"orders": 2, "added": 1, "known": 1}]
    rows = json.loads(run("orders", "list").stdout)
    assert [(row["order_id"], row["state"], row["distance_km"]) for row in rows] == [
        ("o-18", "OPEN", 9),
        ("o-17", "OPEN", 3.2),
    ]


def test_an_invalid_order_is_an_error_and_no_order_of_its_file_is_added(run: Run, tmp_path: Path) -> None:
    evening = tmp_path / "evening.csv"
    evening.write_text("order_id,promised_at,distance_km\no-17,2026-11-25T19:30Z,9\no-18,soon,9\n")
    for arguments in (("import", str(evening)), ("add", "o-19", "--promised", "2026-11-25T19:30", "--km", "3")):
        assert isinstance(run("orders", *arguments).exception, OrderError)
    assert json.loads(run("orders", "list").stdout) == []


def test_failed_deliveries_are_listed_and_redriven(
    run: Run, outputs: dict[str, str], localaws: Any, eventually: Callable[..., Any]
) -> None:
    assert json.loads(run("deliveries", "--failed").stdout) == []
    event = json.dumps({"s3_key": "arrivals/anna/1.png"})
    states, sqs = localaws.client("stepfunctions"), localaws.client("sqs")
    states.start_execution(stateMachineArn=outputs["DeliveryMachine"], name="a1", input=event)
    letter = sqs.send_message(QueueUrl=outputs["DeadLetters"], MessageBody=event)["MessageId"]
    eventually(lambda: [row["status"] for row in json.loads(run("deliveries").stdout)] == ["FAILED"])
    (execution, undelivered) = json.loads(run("deliveries", "--failed").stdout)
    assert (execution["name"], execution["error"], execution["s3_key"]) == ("a1", "Broken", "arrivals/anna/1.png")
    assert (undelivered["name"], undelivered["status"]) == (letter, "UNDELIVERED")
    assert [row["name"] for row in json.loads(run("deliveries", "--failed", "--redrive").stdout)] == ["a1", letter]
    assert {row["name"] for row in json.loads(run("deliveries").stdout)} == {"a1", "a1-r1", letter}


def test_staging_with_labels_adds_them_and_prints_their_number(run: Run, localaws: Any, tmp_path: Path) -> None:
    for label in ("bicycle", "motorcycle"):
        (tmp_path / label).mkdir()
        for seed in range(10):
            (tmp_path / label / f"{seed}.png").write_bytes(png(draw(label, seed)))
    (before,) = json.loads(run("stage", str(tmp_path), "--labels").stdout)
    s3 = localaws.client("s3")
    s3.put_object(Bucket="depot-cli", Key=f"labels/{ARRIVAL}.png", Body=png(draw("motorcycle", 77)))
    label = {"image_key": f"labels/{ARRIVAL}.png", "answer": "motorcycle", "reviewer": "anna"}
    s3.put_object(Bucket="depot-cli", Key=f"labels/{ARRIVAL}.json", Body=json.dumps(label).encode())
    done = run("stage", str(tmp_path), "--labels")
    (after,) = json.loads(done.stdout)
    assert ", 1 labelled in review:" in done.stderr
    counts = {name: n for name, n in before.items() if name not in ("digest", "uploaded", "unchanged")}
    assert after.items() >= (counts | {"train motorcycle": counts["train motorcycle"] + 1}).items()
    assert json.loads(run("stage", str(tmp_path)).stdout)[0]["digest"] == before["digest"] != after["digest"]


def test_a_review_without_an_answer_is_a_usage_error(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["review", "a1"]).exception, UsageError)
    done = scones(tmp_path, "review", "a1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the answer is missing; run `scones review ARRIVAL bicycle`" in done.stderr
