"""A whole synthetic run: every part of the report has something to show, and no service was asked."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import Any, Literal

import pytest

from scones.contract.delivery import Assignment, Decision, Outcome, ReviewAnswer
from scones.contract.release import (
    Acceptance,
    Certificate,
    ClassScore,
    Corruption,
    Epoch,
    Evaluation,
    Interval,
    Manifest,
    Metrics,
    NoveltyScore,
    Reliability,
    ReliabilityBin,
)
from scones.report.types import (
    ExecutionRun,
    LambdaInvocation,
    LambdaRun,
    MachineRun,
    ReleaseFacts,
    Run,
    SampleImage,
    TimedState,
    TransformRun,
)

INVOKE = "arn:aws:states:::lambda:invoke"
RETRY = [{"ErrorEquals": ["EndpointUnavailableError"], "MaxAttempts": 3}]
DELIVERY: dict[str, Any] = {
    "StartAt": "Serialize",
    "States": {
        "Serialize": {
            "Type": "Task",
            "Resource": INVOKE,
            "Next": "Classify",
            "Catch": [
                {"ErrorEquals": ["ImageNotFoundError", "ImageRejectedError"], "Next": "Rejected"},
                {"ErrorEquals": ["States.ALL"], "Next": "Failed"},
            ],
        },
        "Classify": {
            "Type": "Task",
            "Resource": INVOKE,
            "Next": "Filter",
            "Retry": RETRY,
            "Catch": [
                {"ErrorEquals": ["ImageRejectedError"], "Next": "Rejected"},
                {"ErrorEquals": ["States.ALL"], "Next": "Failed"},
            ],
        },
        "Filter": {
            "Type": "Task",
            "Resource": INVOKE,
            "Next": "Accepted",
            "Catch": [
                {"ErrorEquals": ["ThresholdConfidenceNotMet"], "Next": "Review"},
                {"ErrorEquals": ["States.ALL"], "Next": "Failed"},
            ],
        },
        "Accepted": {"Type": "Pass", "Next": "Record"},
        "Review": {"Type": "Pass", "Next": "Record"},
        "Rejected": {"Type": "Pass", "Next": "Record"},
        "Failed": {"Type": "Pass", "Next": "Record"},
        "Record": {"Type": "Task", "Resource": INVOKE, "Next": "HasFailed"},
        "HasFailed": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.outcome", "StringEquals": "FAILED", "Next": "DeliveryFailed"}],
            "Default": "Done",
        },
        "DeliveryFailed": {"Type": "Fail"},
        "Done": {"Type": "Succeed"},
    },
}
RELEASE: dict[str, Any] = {
    "StartAt": "Train",
    "States": {
        "Train": {"Type": "Task", "Next": "Evaluate"},
        "Evaluate": {"Type": "Task", "Next": "Gate"},
        "Gate": {
            "Type": "Task",
            "Next": "Register",
            "Catch": [{"ErrorEquals": ["ModelBelowGateError"], "Next": "BelowGate"}],
        },
        "BelowGate": {"Type": "Fail"},
        "Register": {"Type": "Task", "Next": "CreateModel"},
        "CreateModel": {"Type": "Task", "Next": "Prepare"},
        "Prepare": {"Type": "Parallel", "Branches": [{}, {}], "Next": "CreateEndpointConfig"},
        "CreateEndpointConfig": {"Type": "Task", "Next": "EndpointExists"},
        "EndpointExists": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $exists($states.input.endpoint) %}", "Next": "UpdateEndpoint"}],
            "Default": "CreateEndpoint",
        },
        "CreateEndpoint": {"Type": "Task", "Next": "Wait"},
        "UpdateEndpoint": {"Type": "Task", "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Describe"},
        "Describe": {"Type": "Task", "Next": "InService"},
        "InService": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.EndpointStatus", "StringEquals": "InService", "Next": "Released"},
                {"Variable": "$.EndpointStatus", "StringEquals": "Failed", "Next": "EndpointFailed"},
            ],
            "Default": "Wait",
        },
        "EndpointFailed": {"Type": "Fail"},
        "Released": {"Type": "Succeed"},
    },
}
DELIVERIES = 24
ROC = [(n / 40, (n / 40) ** 0.1) for n in range(41)]


@pytest.fixture
def run() -> Run:
    return whole_run()


def whole_run() -> Run:
    classes = ["bicycle", "motorcycle"]
    counts = {
        "train": {"bicycle": 425, "motorcycle": 425},
        "validation": {"bicycle": 75, "motorcycle": 75},
        "test": {"bicycle": 100, "motorcycle": 100},
    }
    return Run(
        id="20261122-101500-7f3a",
        project="scones",
        where="laptop",
        started_at="2026-11-22T10:15:00Z",
        notice="The figures are of sketches that Scones drew itself, not of photographs.",
        facts=facts(),
        manifest=Manifest(
            digest="3b5d5c3712955042212316173ccf37be" * 2,
            source="Sketches drawn by Scones, seed 7",
            sketches=True,
            classes=classes,
            counts=counts,
            negatives={"negatives": 0, "test-negatives": 0},
            images=[],
            left_out={"train/bicycle/broken.png": "not an image"},
            duplicates=[["train/bicycle/a.png", "train/bicycle/b.png"]],
        ),
        samples=[sample(classes[n % 2], f"train {n}", n) for n in range(10)],
        metrics=_metrics(),
        evaluation=_evaluation(classes),
        duplicates=[[sample("bicycle", f"train/bicycle/{n}.png", n) for n in range(2 + group)] for group in range(2)],
        outliers=[sample("bicycle", "novelty 3.1", 90 + n) for n in range(2)],
        label_issues=[
            sample("bicycle", "predicted: motorcycle; probability of the label 0.010", 70 + n) for n in range(3)
        ],
        wrong=[
            sample("bicycle", f"predicted: motorcycle, confidence 0.{60 + n}0", 40 + n) | {"map": heat(n)}
            for n in range(7)
        ],
        uncertain=[sample("motorcycle", "confidence 0.510", 60) | {"map": heat(9)}],
        release=_machine("scones-release", RELEASE, 1, 12.0),
        deploy=None,
        delivery=_machine("scones-delivery", DELIVERY, DELIVERIES, 0.08),
        lambdas=[_function(name, n) for n, name in enumerate(("scones-serialize", "scones-classify", "scones-filter"))],
        transforms=[TransformRun(name="t-1", instance_type="ml.c5.xlarge", seconds=90.2)],
        decisions=[_decision(n) for n in range(DELIVERIES)],
        instance_types={"train": "ml.m5.large", "evaluate": "ml.t3.medium"},
        serverless_mb=2048,
        realtime_instances=0,
        seconds={
            "local": 1.4,
            "deploy": 6.2,
            "stage": 4.1,
            "release": 61.7,
            "deliver": 12.9,
            "report": 2.0,
            "cleanup": 5.5,
        },
    )


def facts() -> ReleaseFacts:
    return ReleaseFacts(
        name="scones-20261122-101600",
        status="SUCCEEDED",
        started_at="2026-11-22T10:16:00+00:00",
        digest="3b5d5c3712955042212316173ccf37be" * 2,
        hyperparameters={"epochs": "18", "seed": "7"},
        minimum_accuracy=0.8,
        version="0.2.0",
        container_image="000000000000.dkr.ecr.us-east-1.amazonaws.com/scones:0.2.0",
        model_package="arn:aws:sagemaker:us-east-1:000000000000:model-package/scones/1",
        failed_state=None,
        error=None,
        cause=None,
    )


def png(red: int, green: int, blue: int, side: int = 8) -> str:
    """A data address of a PNG of one colour, written by hand (PNG specification, chapter 5)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes((red, green, blue)) * side) * side
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(image).decode()


def sample(label: str, caption: str, n: int) -> SampleImage:
    return SampleImage(
        label=label, caption=caption, data_uri=png(40 + n * 37 % 180, 60 + n * 71 % 160, 90 + n * 23 % 150)
    )


def heat(n: int, side: int = 4) -> list[list[float]]:
    return [[round(math.sin(n + row * 1.3) * math.cos(column), 2) for column in range(side)] for row in range(side)]


def _metrics() -> Metrics:
    def epoch(n: int) -> Epoch:
        return Epoch(
            epoch=n,
            train_loss=0.7 * math.exp(-n / 6) + 0.05,
            train_accuracy=1 - 0.5 * math.exp(-n / 5),
            validation_loss=0.65 * math.exp(-n / 5) + 0.2 + 0.01 * (n % 3),
            validation_accuracy=0.9 - 0.4 * math.exp(-n / 4) + 0.01 * (n % 2),
        )

    return Metrics(epochs=[epoch(n) for n in range(1, 19)], seconds=41.3, parameters=272_474, seed=7)


def _evaluation(classes: list[str]) -> Evaluation:
    return Evaluation(
        classes=classes,
        accuracy=Interval(value=0.875, low=0.822, high=0.914, n=200),
        per_class={
            "bicycle": ClassScore(recall=Interval(value=0.9, low=0.826, high=0.945, n=100), precision=0.857),
            "motorcycle": ClassScore(recall=Interval(value=0.85, low=0.767, high=0.907, n=100), precision=0.895),
        },
        confusion=[[90, 10], [15, 85]],
        calibration_error=0.034,
        reliability=_reliability(),
        predictions=[],
        model="scones-20261122",
        seconds=3.2,
    )


def _reliability() -> Reliability:
    def share(value: float) -> Interval:
        return Interval(value=value, low=value * 0.9, high=min(1.0, value * 1.1), n=200)

    return Reliability(
        brier=0.19,
        bins=[ReliabilityBin(confidence=0.5 + n / 30, accuracy=0.52 + n / 32, n=13) for n in range(15)],
        risk_coverage=[(n / 200, 0.125 * (n / 200) ** 3) for n in range(1, 201)],
        certificates=[
            Certificate(alpha=0.02, delta=0.025, threshold=0.913, accepted=421, wrong=1, bound=0.0132, coverage=0.84),
            Certificate(alpha=0.02, delta=0.025, threshold=2.0, accepted=0, wrong=0, bound=1.0, coverage=0.0),
        ],
        acceptance=Acceptance(coverage=share(0.43), wrong=share(0.01)),
        corruptions=[
            Corruption(
                name=name,
                strength=strength,
                accuracy=0.9 - strength / 20,
                acceptance=Acceptance(coverage=share(1 - strength / 5), wrong=share(0.02) if strength < 5 else None),
            )
            for name in ("blur", "noise")
            for strength in range(1, 6)
        ],
        novelty=NoveltyScore(
            others_refused=share(0.97), vehicles_refused=share(0.05), area_under_curve=0.99, curve=ROC
        ),
        milliseconds=1.4,
    )


def _machine(name: str, definition: dict[str, Any], executions: int, pace: float) -> MachineRun:
    states: dict[str, TimedState] = {}
    for n, state in enumerate(definition["States"]):
        if state not in ("BelowGate", "EndpointFailed", "UpdateEndpoint", "DeliveryFailed"):
            seconds = [pace * (1 + (n + m) % 5 / 3) for m in range(executions)]
            states[state] = TimedState(
                entered=executions,
                failed=2 if state == "Filter" else 0,
                retried=3 if state == "Classify" else 0,
                caught=1 if state == "Serialize" else 0,
                seconds=seconds,
                called=0.9 * sum(seconds) if definition["States"][state]["Type"] == "Task" else 0.0,
                waited=0.02 * sum(seconds) if state == "Classify" else 0.0,
                requests=[f"scones-{state.lower()}-{m}" for m in range(executions)],
            )
    return MachineRun(
        name=name,
        definition=definition,
        states=states,
        executions=[
            ExecutionRun(
                name=f"{name}-{n}",
                status="SUCCEEDED",
                started_at=f"2026-11-22T10:17:{n:02}Z",
                seconds=1.05 * sum(state["seconds"][n] for state in states.values()),
                review_seconds=0.0 if n % 6 else 0.04 * n,
            )
            for n in range(executions)
        ],
    )


def _function(name: str, n: int) -> LambdaRun:
    cold = [invocation(f"{name}-{m}", 44.0 + 7 * m, 180.0 + n + 30 * m) for m in range(2)]
    warm = [invocation(f"{name}-{m}", 12.0 + 9 * n + m % 7) for m in range(2, DELIVERIES)]
    return LambdaRun(name=name, invocations=cold + warm, memory_mb=256, max_memory_mb=71 + 30 * n)


def invocation(request: str, run_ms: float, init_ms: float | None = None) -> LambdaInvocation:
    billed = math.ceil(run_ms + (init_ms or 0))
    return LambdaInvocation(request=request, run_ms=run_ms, billed_ms=billed, init_ms=init_ms)


def _decision(n: int) -> Decision:
    gate: Literal["accept", "review"] = "accept" if n % 6 else "review"
    outcome: Outcome = "REJECTED" if n == 7 else "FAILED" if n == 15 else "DISPATCHED"
    assignment = Assignment(
        order_id=f"order-{n}",
        distance_km=1.5 + n / 4,
        promised_at="2026-11-22T11:00:00+00:00",
        vehicle=("bicycle", "motorcycle")[n % 2],
        bay=("bicycle bay", "motorcycle bay")[n % 2],
        expected_cost_minutes=9.5,
        assigned_at=f"2026-11-22T10:17:{n:02}.200+00:00",
    )
    review = ReviewAnswer(answer="bicycle", reviewer="anna", answered_at="2026-11-22T10:17:59+00:00")
    return Decision(
        outcome=outcome,
        arrival_id=f"{n:032x}",
        s3_bucket="scones-000000000000",
        s3_key=f"arrivals/driver-{n % 4}/test-{n:03}.png",
        label=None if outcome == "REJECTED" else ("bicycle", "motorcycle")[n % 2],
        confidence=None if outcome == "REJECTED" else 0.97 - 0.013 * (n % 9) - (0.3 if gate == "review" else 0),
        inferences=[],
        threshold=0.8,
        decided_by=None if outcome == "REJECTED" else gate,
        assignment=assignment if outcome == "DISPATCHED" else None,
        review=review if gate == "review" else None,
        error={"REJECTED": "ImageRejectedError", "FAILED": "EndpointUnavailableError"}.get(outcome),
        cause="no endpoint is in service; run `scones release`" if outcome == "FAILED" else None,
        execution=f"scones-delivery-{n}",
        decided_at=f"2026-11-22T10:17:{n:02}.250Z",
    )
