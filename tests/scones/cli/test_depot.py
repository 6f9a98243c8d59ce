"""The depot's commands and `stage --labels`, with stacks that have only outputs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scones.cli import app
from scones.contract.delivery import Outcome
from scones.errors import DeliveryError, UsageError
from scones.steps.dataset.sketches import draw, png

from .conftest import Run
from .program import scones
from .test_outcomes import decision

ARRIVAL = "0123456789abcdef" * 2


def delivered(run: Run, localaws: Any, image: Path, outcome: Outcome, *options: str, **values: Any) -> Result:
    """Deliver an image whose decision comes between two runs of the command; return the second one."""
    image.write_bytes(image.name.encode())
    (uploaded,) = json.loads(run("deliver", str(image), "--driver", "anna", "--no-wait").stdout)
    key = f"decisions/{uploaded['s3_key'].removeprefix('arrivals/')}.json"
    made = decision(outcome, s3_key=uploaded["s3_key"], **values)
    localaws.client("s3").put_object(Bucket="depot-cli", Key=key, Body=json.dumps(made).encode())
    # The same content within ten minutes is the same arrival.
    return run("deliver", str(image), "--driver", "anna", *options)


def test_a_failed_delivery_makes_the_command_fail_after_its_decisions(run: Run, localaws: Any, tmp_path: Path) -> None:
    values = {"error": "EndpointUnavailableError", "cause": "no endpoint"}
    done = delivered(run, localaws, tmp_path / "1.png", "FAILED", **values)
    assert [made["outcome"] for made in json.loads(done.stdout)] == ["FAILED"]
    assert isinstance(done.exception, DeliveryError)
    assert "1 of 1 deliveries failed; run `scones release`" in str(done.exception)
    assert "anna/1.png  FAILED" in done.stderr
    assert "1 decided: 1 FAILED" in done.stderr


def test_a_rejected_image_is_a_decision_and_no_failure(run: Run, localaws: Any, tmp_path: Path) -> None:
    done = delivered(run, localaws, tmp_path / "2.png", "REJECTED", error="ImageRejectedError", cause="it is a PDF")
    assert (done.exit_code, [made["outcome"] for made in json.loads(done.stdout)]) == (0, ["REJECTED"])
    assert "anna/2.png  REJECTED" in done.stderr


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


def test_deliveries_are_listed_by_driver_name_and_time(
    run: Run, outputs: dict[str, str], localaws: Any, eventually: Callable[..., Any]
) -> None:
    states = localaws.client("stepfunctions")
    for name in ("anna-1", "anna-2", "bert-1"):
        event = json.dumps({"s3_key": f"arrivals/{name.replace('-', '/')}.png"})
        states.start_execution(stateMachineArn=outputs["DeliveryMachine"], name=name, input=event)
    eventually(lambda: len(json.loads(run("deliveries", "--failed").stdout)) == 3)

    def listed(*options: str) -> set[str]:
        return {row["name"] for row in json.loads(run("deliveries", *options).stdout)}

    assert listed("--driver", "anna") == listed("anna") == {"anna-1", "anna-2"}
    assert listed("--since", "1h") == {"anna-1", "anna-2", "bert-1"}
    assert listed("--since", "2040-01-01T00:00Z") == set()
    assert len(listed("--limit", "2")) == 2
    (row,) = json.loads(run("deliveries", "b").stdout)
    known = {"driver": "bert", "s3_key": "arrivals/bert/1.png", "outcome": "FAILED", "order_id": None}
    assert row.items() >= (known | {"error": "Broken"}).items()
    assert isinstance(run("deliveries", "anna", "--redrive").exception, UsageError)
    assert isinstance(run("deliveries", "carl", "--redrive").exception, DeliveryError)
    assert [row["name"] for row in json.loads(run("deliveries", "anna-2", "--redrive").stdout)] == ["anna-2"]
    assert listed("--failed") >= {"anna-1", "bert-1"}
    assert "anna-2" not in listed("--failed")


def test_a_time_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    done = scones(tmp_path, "deliveries", "--since", "yesterday")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


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
    before["counts"]["train"]["motorcycle"] += 1
    assert after["counts"] == before["counts"]
    assert json.loads(run("stage", str(tmp_path)).stdout)[0]["digest"] == before["digest"] != after["digest"]


REVIEWS = """
def handler(event, context):
    if event["action"] == "list":
        return [{"arrival_id": "5f0c1d", "s3_bucket": "depot", "s3_key": "arrivals/anna/1.png", "labels": ["bicycle"],
                 "inferences": [0.6], "due_at": "2026-11-25T19:45:00+00:00"}]
    return {"answer": event["answer"], "reviewer": event["reviewer"], "answered_at": event["arrival_id"]}
"""


@pytest.fixture
def review_function(localaws: Any, outputs: dict[str, str]) -> Iterator[None]:
    """A review function with one review. It returns the answer that it receives."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("reviews.py", REVIEWS)
    awslambda = localaws.client("lambda")
    awslambda.create_function(
        FunctionName=outputs["ReviewFunction"],
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="reviews.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    yield
    awslambda.delete_function(FunctionName=outputs["ReviewFunction"])


@pytest.mark.usefixtures("review_function")
def test_a_review_is_answered_by_the_beginning_of_its_arrival_and_a_class_in_any_case(run: Run) -> None:
    assert [row["arrival_id"] for row in json.loads(run("review").stdout)] == ["5f0c1d"]
    answered = {"answer": "bicycle", "reviewer": "eve", "answered_at": "5f0c1d", "arrival_id": "5f0c1d"}
    assert json.loads(run("review", "5f", "Bicycle", "--reviewer", "eve").stdout) == [answered]


def test_a_review_without_an_answer_is_a_usage_error(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["review", "a1"]).exception, UsageError)
    done = scones(tmp_path, "review", "a1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the answer is missing; run `scones review ARRIVAL bicycle`" in done.stderr
