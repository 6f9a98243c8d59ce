"""The workflow on the local AWS with a real, tiny model: releases that fail, one that succeeds, and deliveries."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scones.contract.release import Manifest
from scones.dispatch_rule import Order
from scones.errors import ReleaseError
from scones.progress import Progress
from scones.report import efficiency
from scones.settings import Settings
from scones.steps import orders
from scones.steps.classify import Batch, BatchRequest, classify
from scones.steps.cleanup import cleanup
from scones.steps.dataset.labels import with_labels
from scones.steps.dataset.sketches import draw, png
from scones.steps.dataset.source import find_source
from scones.steps.deliver import Schedule, deliver
from scones.steps.deliveries import DeliveryContext, failed_deliveries, redrive
from scones.steps.deploy import deploy
from scones.steps.orders import NewOrder
from scones.steps.release import release, release_input, upload_backbone
from scones.steps.report import collect, write
from scones.steps.review import answer_review, list_reviews
from scones.steps.run import gather
from scones.steps.stage import stage

SETTINGS = Settings(project="tiny")
QUICK = {"epochs": "3", "size": "16", "width": "8", "seed": "0", "backbone": "none", "folds": "2"}


@dataclass(frozen=True)
class Deployed:
    """A deployed project with a staged data set."""

    outputs: dict[str, str]
    manifest: Manifest
    client: Any

    def release(self, name: str, *, minimum: float = 0.0, backbone: str | None = None, **hyperparameters: str) -> str:
        request = release_input(SETTINGS, self.manifest, backbone=backbone) | {
            "name": name,
            "hyperparameters": QUICK | hyperparameters,
            "minimum_accuracy": minimum,
        }
        return release(self.outputs["ReleaseMachine"], request, client=self.client, progress=Progress())

    def endpoints(self) -> list[str]:
        return [e["EndpointName"] for e in self.client("sagemaker").list_endpoints()["Endpoints"]]


def deployed(localaws: Any, folder: Path) -> Deployed:
    for label in ("bicycle", "motorcycle"):
        (folder / label).mkdir(parents=True)
        for seed in range(40):
            (folder / label / f"{seed}.png").write_bytes(png(draw(label, seed, 32)))
    cloudformation, s3 = localaws.client("cloudformation"), localaws.client("s3")
    outputs = deploy(SETTINGS, cloudformation=cloudformation, s3=s3, progress=Progress())
    staged = stage(find_source(str(folder), {}, folder, Progress()), s3=s3, bucket=outputs["Bucket"])
    return Deployed(outputs, staged.manifest, localaws.client)


@pytest.fixture(scope="module")
def project(localaws: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    yield deployed(localaws, tmp_path_factory.mktemp("sketches"))
    cleanup(SETTINGS, client=localaws.client, progress=Progress())


def test_a_failed_training_job_is_reported_with_its_own_reason(project: Deployed) -> None:
    with pytest.raises(ReleaseError, match=r"TrainingFailed: .*HyperparameterError.*learning_rate"):
        project.release("tiny-20260101-000001", learning_rate="-1")
    assert "tiny" not in project.endpoints()


def test_initial_weights_reach_the_training_job(project: Deployed, tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    np.savez(weights, stem=np.zeros(3, np.float16))
    prefix = upload_backbone(weights, bucket=project.outputs["Bucket"], s3=project.client("s3"))
    with pytest.raises(ReleaseError, match=r"TrainingFailed: .*HyperparameterError: the backbone .* lacks"):
        project.release("tiny-20260101-000000", backbone=prefix)


def test_a_model_below_the_gate_is_not_deployed(project: Deployed) -> None:
    with pytest.raises(ReleaseError, match=r"ModelBelowGateError: accuracy .* is below the release gate of 1.01"):
        project.release("tiny-20260101-000002", minimum=1.01)
    assert "tiny" not in project.endpoints()
    assert (
        project.client("sagemaker").list_model_packages(ModelPackageGroupName="tiny")["ModelPackageSummaryList"] == []
    )


@pytest.fixture(scope="module")
def released(project: Deployed) -> Deployed:
    project.release("tiny-20260101-000003")
    return project


def test_a_release_registers_its_model_and_serves_it(released: Deployed) -> None:
    sagemaker = released.client("sagemaker")
    packages = sagemaker.list_model_packages(ModelPackageGroupName="tiny")["ModelPackageSummaryList"]
    assert [package["ModelApprovalStatus"] for package in packages] == ["Approved"]
    endpoint = sagemaker.describe_endpoint(EndpointName="tiny")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "tiny-20260101-000003")
    metrics = sagemaker.describe_training_job(TrainingJobName="tiny-20260101-000003")["FinalMetricDataList"]
    assert {metric["MetricName"] for metric in metrics} >= {"train:loss", "validation:accuracy"}


def test_the_model_was_evaluated_on_the_test_split_alone(released: Deployed) -> None:
    evaluation = gather.evaluation(released.outputs["Bucket"], "tiny-20260101-000003", s3=released.client("s3"))
    assert evaluation is not None
    tested = {f"test/{prediction['key']}" for prediction in evaluation["predictions"]}
    staged = {image["key"] for image in released.manifest["images"]}
    assert tested == {key for key in staged if key.startswith("test/")}


def add_orders(deployed: Deployed, n: int = 40) -> None:
    """Add near and far orders, enough for every arrival of this file."""
    promised = datetime.now(UTC) + timedelta(hours=1)
    new_orders = [NewOrder(Order(f"order-{k}", 1.0 if k % 2 else 8.0, promised)) for k in range(n)]
    table, dynamodb = deployed.outputs["OrdersTable"], deployed.client("dynamodb")
    orders.add_orders(new_orders, table=table, dynamodb=dynamodb, progress=Progress(), now=datetime.now(UTC))


def send(deployed: Deployed, meanwhile: Callable[[], None] = lambda: None, **images: bytes) -> dict[str, Any]:
    """Deliver images and return their decisions by name, once their executions have ended, too."""
    decisions = deliver(
        [(f"anna/{name}.png", image) for name, image in images.items()],
        bucket=deployed.outputs["Bucket"],
        s3=deployed.client("s3"),
        progress=Progress(),
        schedule=Schedule(timeout=120, meanwhile=meanwhile),
    )
    for decision in decisions:
        wait_for(deployed, execution_arn(deployed, decision["execution"]))
    return {decision["s3_key"].split("/")[-1].removesuffix(".png"): decision for decision in decisions}


def ended(deployed: Deployed, text: str) -> dict[str, Any]:
    """Run an execution with an input, and return its description."""
    states, machine = deployed.client("stepfunctions"), deployed.outputs["DeliveryMachine"]
    return wait_for(deployed, states.start_execution(stateMachineArn=machine, input=text)["executionArn"])


def execution_arn(deployed: Deployed, name: str) -> str:
    return f"{deployed.outputs['DeliveryMachine'].replace(':stateMachine:', ':execution:')}:{name}"


def wait_for(deployed: Deployed, execution: str) -> dict[str, Any]:
    states = deployed.client("stepfunctions")
    while (described := dict(states.describe_execution(executionArn=execution)))["status"] == "RUNNING":
        time.sleep(0.1)
    return described


def bmp(width: int, height: int) -> bytes:
    """Return an uncompressed image, three bytes per pixel."""
    body = bytes(range(256)) * (width * height * 3 // 256 + 1)
    head = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 54 + width * height * 3, 0, 0, 54, 40, width, height, 1, 24, *[0] * 6
    )
    return head + body[: width * height * 3]


PHOTO = bmp(2600, 2600)
assert len(PHOTO) > 20_000_000


def with_settings(deployed: Deployed, **changed: Any) -> None:
    settings = SETTINGS.model_copy(update=changed)
    deploy(settings, cloudformation=deployed.client("cloudformation"), s3=deployed.client("s3"), progress=Progress())


def test_valid_images_are_dispatched_and_others_are_rejected(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=0.0)
    decisions = send(
        released,
        sketch=png(draw("bicycle", 1000, 32)),
        large=png(draw("motorcycle", 1001, 400)),
        text=b"this is not an image",
        empty=b"",
    )
    outcomes = {name: (decision["outcome"], decision["error"]) for name, decision in decisions.items()}
    assert outcomes == {
        "sketch": ("DISPATCHED", None),
        "large": ("DISPATCHED", None),
        "text": ("REJECTED", "ImageRejectedError"),
        "empty": ("REJECTED", "ImageRejectedError"),
    }
    assert decisions["sketch"]["label"] in released.manifest["classes"]
    assert abs(sum(decisions["large"]["inferences"]) - 1) < 1e-3


def answering(deployed: Deployed, answer: str) -> Callable[[], None]:
    """Return a reviewer who gives the same answer to every review."""

    def answer_all() -> None:
        function, awslambda = deployed.outputs["ReviewFunction"], deployed.client("lambda")
        for waiting in list_reviews(function, awslambda=awslambda):
            answer_review(function, waiting["arrival_id"], answer, "anna", awslambda=awslambda)

    return answer_all


@pytest.mark.parametrize(
    ("answer", "outcome", "kilometres"), [("motorcycle", "DISPATCHED", 8.0), ("neither", "NEITHER", None)]
)
def test_an_uncertain_prediction_is_decided_by_a_reviewer(
    released: Deployed, answer: str, outcome: str, kilometres: float | None
) -> None:
    add_orders(released)
    with_settings(released, threshold=1.0)
    image = {f"unsure-{answer}": png(draw("bicycle", 1002, 32))}
    (decision,) = send(released, meanwhile=answering(released, answer), **image).values()
    assert (decision["outcome"], decision["decided_by"], decision["review"]["answer"]) == (outcome, "review", answer)
    assert (decision["assignment"] or {}).get("distance_km") == kilometres


def test_a_delivery_that_waits_ends_with_the_functions_that_it_began_with(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=1.0)
    answer = answering(released, "motorcycle")

    def update_and_answer() -> None:
        with_settings(released, threshold=0.5)
        answer()

    image = png(draw("bicycle", 1015, 32))
    (decision,) = send(released, meanwhile=update_and_answer, waiting=image).values()
    assert (decision["decided_by"], decision["threshold"]) == ("review", 1.0)


def test_a_reviewers_answer_becomes_training_data(released: Deployed, tmp_path: Path) -> None:
    add_orders(released)
    with_settings(released, threshold=1.0)
    image = png(draw("bicycle", 1003, 32))
    (decision,) = send(released, meanwhile=answering(released, "motorcycle"), taught=image).values()
    sketches = find_source("sketches", {}, tmp_path, Progress())
    labelled = with_labels(
        sketches, released.outputs["Bucket"], tmp_path, s3=released.client("s3"), progress=Progress()
    )
    assert labelled.left_out == {}
    (label,) = [image for image in labelled.labels if image.name == f"{decision['arrival_id']}.png"]
    assert (label.label, (tmp_path / label.name).read_bytes()) == ("motorcycle", image)


@contextmanager
def with_definition(deployed: Deployed, old: str, new: str) -> Iterator[None]:
    """Replace a part of the delivery state machine's definition for a while."""
    machine, states = deployed.outputs["DeliveryMachine"], deployed.client("stepfunctions")
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert old in definition
    states.update_state_machine(stateMachineArn=machine, definition=definition.replace(old, new))
    try:
        yield
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=definition)


def test_a_review_without_an_answer_in_time_is_recorded_as_timed_out(released: Deployed) -> None:
    with_settings(released, threshold=1.0)
    with with_definition(released, "{% 900 %}", "{% 1 %}"):
        decision = send(released, unanswered=png(draw("bicycle", 1005, 32)))["unanswered"]
    assert (decision["outcome"], decision["error"]) == ("REVIEW_TIMED_OUT", "States.Timeout")


def test_a_repeated_event_gets_the_first_decision_and_no_second_order(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=0.0)
    first = send(released, once=png(draw("bicycle", 1006, 32)))["once"]
    states, machine = released.client("stepfunctions"), released.outputs["DeliveryMachine"]
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    (execution,) = [e for page in pages for e in page["executions"] if e["name"] == first["execution"]]
    event = states.describe_execution(executionArn=execution["executionArn"])["input"]
    repeated = json.loads(ended(released, event)["output"])
    assert (repeated["outcome"], repeated["arrival_id"]) == ("REPEAT", first["arrival_id"])
    assert (repeated["execution"], repeated["order_id"]) == (first["execution"], first["assignment"]["order_id"])


def test_the_state_of_an_execution_stays_small_for_any_image(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=0.0)
    decisions = send(released, photo=PHOTO, inline=png(draw("bicycle", 1007, 110)))
    assert (decisions["photo"]["outcome"], decisions["inline"]["outcome"]) == ("REJECTED", "DISPATCHED")
    assert "the endpoint accepts images of 1 to 4194304" in decisions["photo"]["cause"]
    states, machine = released.client("stepfunctions"), released.outputs["DeliveryMachine"]
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine):
        for execution in page["executions"]:
            history = states.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
            for event in (event for part in history for event in part["events"]):
                details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
                assert len(details.get("input", details.get("output", ""))) < 32 * 1024


def upload(deployed: Deployed, name: str, image: bytes) -> dict[str, Any]:
    """Upload an arrival, also over an earlier one, and return the output of the delivery that its event starts."""
    s3, bucket = deployed.client("s3"), deployed.outputs["Bucket"]
    version = s3.put_object(Bucket=bucket, Key=f"arrivals/anna/{name}.png", Body=image)["VersionId"]
    states, machine = deployed.client("stepfunctions"), deployed.outputs["DeliveryMachine"]
    while True:
        for execution in states.list_executions(stateMachineArn=machine, maxResults=5)["executions"]:
            described = wait_for(deployed, execution["executionArn"])
            if version in described["input"]:
                output: dict[str, Any] = json.loads(described["output"])
                return output
        time.sleep(0.1)


def test_an_upload_that_is_repeated_is_one_arrival_with_one_order(released: Deployed) -> None:
    with_settings(released, threshold=0.0)
    image = png(draw("bicycle", 1010, 32))
    outcomes = [upload(released, "repeated", image) for _ in range(2)]
    arrivals = {outcome["arrival_id"] for outcome in outcomes}
    assert (len(arrivals), outcomes[1]["outcome"]) == (1, "REPEAT")
    orders_given = released.client("dynamodb").scan(
        TableName=released.outputs["OrdersTable"],
        FilterExpression="arrival_id = :arrival",
        ExpressionAttributeValues={":arrival": {"S": arrivals.pop()}},
    )
    assert orders_given["Count"] == 1


def test_another_image_under_the_same_key_is_another_arrival(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=0.0)
    first, second = (upload(released, "camera", png(draw("bicycle", seed, 32))) for seed in (1011, 1012))
    assert first["arrival_id"] != second["arrival_id"]
    assert upload(released, "camera", png(draw("bicycle", 1013, 32)))["outcome"] != "REPEAT"


def test_the_same_image_after_the_repeat_window_is_another_visit(released: Deployed) -> None:
    add_orders(released)
    with_settings(released, threshold=0.0)
    image = png(draw("bicycle", 1014, 32))
    with with_definition(released, "1000 * 600", "1000 * 0"):
        first = upload(released, "visitor", image)
        second = upload(released, "visitor", image)
    assert first["execution"] != second["execution"]
    assert first["assignment"]["order_id"] != second["assignment"]["order_id"]


def test_a_deleted_arrival_is_rejected(released: Deployed) -> None:
    bucket = released.outputs["Bucket"]
    event = {"image_data": "", "s3_bucket": bucket, "s3_key": "arrivals/anna/gone.png", "inferences": []}
    described = ended(released, json.dumps(event))
    decision = json.loads(described["output"])
    assert (described["status"], decision["outcome"]) == ("SUCCEEDED", "REJECTED")
    assert decision["error"] == "ImageNotFoundError"


def test_a_folder_is_classified_by_the_released_model(released: Deployed, tmp_path: Path) -> None:
    for seed in range(20):
        (tmp_path / f"{seed}.png").write_bytes(png(draw("bicycle", 2000 + seed, 32)))
    (tmp_path / "broken.png").write_bytes(b"this is not an image")
    release = gather.released(released.outputs["ReleaseMachine"], stepfunctions=released.client("stepfunctions"))[
        "name"
    ]
    bucket, instance_type = released.outputs["Bucket"], SETTINGS.classify_instance_type
    request = BatchRequest(release, str(tmp_path), bucket, instance_type, SETTINGS.tags)
    batch = Batch(request, released.client("s3"), released.client("sagemaker"), Progress())
    rows = {row["key"]: row for row in classify(batch, tmp_path / "out.csv")}
    assert len(rows) == 21
    assert rows.pop("broken.png")["error"].startswith("ImageRejectedError: ")
    for row in rows.values():
        assert row["decision"] in ("accept", "review")
        assert abs(row["probability_bicycle"] + row["probability_motorcycle"] - 1) < 1e-3
    assert (tmp_path / "out.csv").read_text().count("\n") == 22


def test_the_report_and_the_summary_show_the_release_and_its_deliveries(released: Deployed, tmp_path: Path) -> None:
    run = collect(SETTINGS, released.outputs, run_id="r1", where="laptop", client=released.client)
    page = write(run, tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["data"]["digest"] == released.manifest["digest"]
    assert summary["workflow"]["accepted"] >= 2
    assert summary["workflow"]["dispatched"] >= 3
    assert summary["cleanup"] == {"left": None}
    assert "Confusion" in page.read_text()
    assert [job["instance_type"] for job in run["transforms"]] == [SETTINGS.classify_instance_type]


def test_every_lambda_state_is_matched_with_its_report_lines(released: Deployed) -> None:
    states = released.client("stepfunctions")
    machine = gather.machine_run(released.outputs["DeliveryMachine"], stepfunctions=states)
    rows = efficiency.states(machine, gather.lambda_runs(SETTINGS.project, logs=released.client("logs")))
    parts = {row["name"]: row["parts"] or {} for row in rows}
    for name in ("Serialize", "Classify", "Filter", "Review", "Dispatch", "Record"):
        assert parts[name]["Lambda"] > 0
    assert parts["Review"]["waiting"] > 0
    assert parts["Claim"]["service"] > 0


def test_a_real_time_endpoint_replaces_the_serverless_one(released: Deployed) -> None:
    with_settings(released, threshold=0.0, endpoint_mode="realtime")
    released.release("tiny-20260101-000005")
    endpoint = released.client("sagemaker").describe_endpoint(EndpointName="tiny")
    assert endpoint["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    assert send(released, realtime=png(draw("bicycle", 1004, 32)))["realtime"]["outcome"] == "DISPATCHED"
    assert send(released, huge=PHOTO)["huge"]["outcome"] == "DISPATCHED"


def test_a_delivery_without_an_endpoint_is_retried_and_then_fails(released: Deployed) -> None:
    released.client("sagemaker").delete_endpoint(EndpointName="tiny")
    retrier = '["EndpointUnavailableError"],\n          "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": '
    with with_definition(released, f"{retrier}20", f"{retrier}2"):
        decision = send(released, late=png(draw("bicycle", 1003, 32)))["late"]
    assert (decision["outcome"], decision["error"]) == ("FAILED", "EndpointUnavailableError")
    machine = gather.machine_run(released.outputs["DeliveryMachine"], stepfunctions=released.client("stepfunctions"))
    assert machine["states"]["DeliveryFailed"]["entered"] == 1


def test_a_failed_delivery_is_listed_and_retried(released: Deployed) -> None:
    resources = [released.outputs[name] for name in ("DeliveryMachine", "DeadLetters", "ArrivalsTable")]
    context = DeliveryContext(*resources, *map(released.client, ("stepfunctions", "sqs", "dynamodb")))
    (failed,) = failed_deliveries(context)
    assert (failed["s3_key"], failed["error"]) == ("arrivals/anna/late.png", "EndpointUnavailableError")
    released.release("tiny-20260101-000006")
    redrive(context, progress=Progress())
    assert failed_deliveries(context) == []
    execution = execution_arn(released, f"{failed['name']}-r1")
    assert json.loads(wait_for(released, execution)["output"])["outcome"] == "DISPATCHED"


def test_an_unhealthy_endpoint_fails_the_release_and_is_deleted(start_localaws: Any, tmp_path: Path) -> None:
    sick = f"scones={sys.executable} {Path(__file__).parent / 'sick_image.py'}"
    with start_localaws(tmp_path / "state", "--image", sick) as server:
        project = deployed(server, tmp_path / "images")
        with pytest.raises(ReleaseError, match=r"DeploymentFailed: .*libgomp"):
            project.release("tiny-20260101-000004", epochs="1")
        assert project.endpoints() == []
