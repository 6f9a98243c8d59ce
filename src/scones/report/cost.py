"""The cost of a run on AWS in us-east-1. Runs where the operator sits; calls no price service.

The durations are measured; the prices are those of `prices.json`, each with its source and whether it was read on a
page of AWS. Quantities are rounded up to AWS's billing units, and the free tier is not deducted. DynamoDB's requests
are not counted but estimated generously, per attempt of a state. Not included: DynamoDB requests of lost races for an
order, of lists and of imports; the container image in ECR; data transfer; alarms and dashboards.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypedDict

from scones.contract.layout import SPLITS
from scones.report.types import CostLine, LambdaRun, MachineRun, Run

# Assumed, because nothing measures them; rather too high than too low.
LOG_BYTES_PER_INVOCATION = 4096
GETS_PER_DELIVERY = 2
OBJECTS_BESIDE_IMAGES = 10
HOURS_A_MONTH = 730


class Units(NamedTuple):
    """DynamoDB request units: a write of 1 KB, a consistent read of 4 KB; other reads are half a unit."""

    write: float
    read: float


# The units of one attempt of a state of the delivery, as its handler requests them: a row counts as 1 KB, a review with
# its task token as 2 KB. The index takes one write, and two if the row's state changes.
TABLE_UNITS = {
    "Claim": Units(write=1 + 2, read=0),
    "Repeat": Units(write=0, read=1),
    # Two rows in one transaction, which counts twice. Read: its own row and, from the indexes at half the price, 50
    # waiting drivers of 250 bytes and 100 open orders of 100 bytes.
    "Dispatch": Units(write=2 * 2 + 2 * 2, read=1 + (50 * 0.25 + 100 * 0.1) / 4 / 2),
    # The question, the answer and its delivery; the row is read twice.
    "Review": Units(write=(2 + 1) + (2 + 2) + (2 + 2), read=2),
    "Record": Units(write=1 + 2, read=0),
}

NO_PRICE = "no price known, not in the total"


class Price(TypedDict):
    """One row of `prices.json`; `status` is "confirmed" if the price was read on a copy of AWS's own page."""

    service: str
    item: str
    unit: str
    usd: float
    source: str
    source_date: str
    status: str


def bill(run: Run) -> list[CostLine]:
    """Return what AWS would have charged for a run, in US dollars; lines without a quantity are left out."""
    functions = [*_lambda_lines(run["lambdas"]), _logs(run), _transitions(run)]
    lines = [*_jobs(run), _inference(run), *functions, *_tables(run), *_storage(run)]
    return [line for line in lines if line["quantity"] > 0]


def total(lines: list[CostLine], *, fixed: bool = False) -> float:
    """Return the US dollars of the lines paid per use, or of the `fixed` ones, which are per month."""
    return math.fsum(line["usd"] for line in lines if line["fixed"] is fixed)


@cache
def prices() -> dict[tuple[str, str], Price]:
    """Return the rows of `prices.json` by service and item."""
    rows: list[Price] = json.loads((Path(__file__).parent / "prices.json").read_text("utf-8"))["rows"]
    return {(row["service"], row["item"]): row for row in rows}


def _line(service: str, item: str, quantity: float, what: str | None = None) -> CostLine:
    price = prices().get((service, item))
    if price is None:
        price = Price(
            service=service, item=item, unit="hours", usd=0.0, source=NO_PRICE, source_date="—", status="unconfirmed"
        )
    return CostLine(
        service=service,
        item=what or item,
        quantity=quantity,
        unit=price["unit"],
        usd_per_unit=price["usd"],
        usd=quantity * price["usd"],
        confirmed=price["status"] == "confirmed",
        source=price["source"],
        source_date=price["source_date"],
        fixed=price["unit"].endswith("-month"),
    )


def _state_seconds(machine: MachineRun | None, state: str) -> list[float]:
    timed = machine["states"].get(state) if machine else None
    return timed["seconds"] if timed else []


def _jobs(run: Run) -> list[CostLine]:
    lines = []
    for step, state in (("train", "Train"), ("evaluate", "Evaluate")):
        instance = run["instance_types"].get(step, "unknown")
        seconds = sum(math.ceil(taken) for taken in _state_seconds(run["release"], state))
        lines.append(_line("SageMaker", instance, seconds / 3600, f"{step} on {instance}"))
    for instance in dict.fromkeys(job["instance_type"] for job in run["transforms"]):
        seconds = sum(math.ceil(job["seconds"]) for job in run["transforms"] if job["instance_type"] == instance)
        lines.append(_line("SageMaker", instance, seconds / 3600, f"classify on {instance}"))
    return lines


def _inference(run: Run) -> CostLine:
    if run["realtime_instances"]:
        instance = run["instance_types"].get("serve", "unknown")
        hours = HOURS_A_MONTH * run["realtime_instances"]
        # A real-time endpoint costs by the hour for as long as it exists.
        return {**_line("SageMaker", instance, hours, f"real-time inference on {instance}, a month"), "fixed": True}
    # The state waits for the endpoint, so its time is an upper bound of what the endpoint would bill.
    seconds = sum(math.ceil(taken * 1000) / 1000 for taken in _state_seconds(run["delivery"], "Classify"))
    memory = run["serverless_mb"] / 1024
    return _line("SageMaker", "serverless inference", seconds * memory, f"serverless inference, {memory:g} GB")


def billed_seconds(function: LambdaRun) -> float:
    """Return the billed seconds of a function, init phases included: each invocation in whole milliseconds."""
    return math.fsum(line["billed_ms"] for line in function["invocations"]) / 1000


def lambda_usd(functions: Sequence[LambdaRun]) -> float:
    """Return the US dollars for the functions' requests and GB-seconds."""
    return math.fsum(line["usd"] for line in _lambda_lines(functions))


def _lambda_lines(functions: Sequence[LambdaRun]) -> list[CostLine]:
    gb_seconds = math.fsum(billed_seconds(function) * function["memory_mb"] / 1024 for function in functions)
    return [
        _line("Lambda", "requests", _requests(functions)),
        _line("Lambda", "duration, arm64", gb_seconds),
    ]


def _requests(functions: Sequence[LambdaRun]) -> int:
    return sum(len(function["invocations"]) for function in functions)


def _logs(run: Run) -> CostLine:
    hundredths = math.ceil(_requests(run["lambdas"]) * LOG_BYTES_PER_INVOCATION * 100 / 2**30)
    return _line("CloudWatch Logs", "ingestion", hundredths / 100, "ingestion, 4 KB an invocation assumed")


def _transitions(run: Run) -> CostLine:
    machines = [machine for machine in (run["release"], run["deploy"], run["delivery"]) if machine]
    states = [state for machine in machines for state in machine["states"].values()]
    # A retry is a transition, too.
    return _line("Step Functions", "state transitions", sum(state["entered"] + state["retried"] for state in states))


def _tables(run: Run) -> list[CostLine]:
    """Return DynamoDB's request units: those of one attempt of a state, times the attempts."""
    timed = run["delivery"]["states"] if run["delivery"] else {}
    attempts = {name: state["entered"] + state["retried"] for name, state in timed.items()}
    writes = sum(units.write * attempts.get(name, 0) for name, units in TABLE_UNITS.items())
    reads = sum(units.read * attempts.get(name, 0) for name, units in TABLE_UNITS.items())
    return [
        _line("DynamoDB", "write request units", writes, "write request units, estimated by state"),
        _line("DynamoDB", "read request units", reads, "read request units, estimated by state"),
    ]


def _storage(run: Run) -> list[CostLine]:
    counts = run["manifest"]["counts"]
    images = sum(sum(counts.get(split, {}).values()) for split in SPLITS)
    arrivals = len(run["delivery"]["executions"]) if run["delivery"] else 0
    puts = images + arrivals + len(run["decisions"]) + OBJECTS_BESIDE_IMAGES
    gets = images + GETS_PER_DELIVERY * arrivals + OBJECTS_BESIDE_IMAGES
    return [
        _line("EventBridge", "opt-in service events", arrivals),
        _line("S3", "PUT and LIST requests", math.ceil(puts / 1000) * 1000),
        _line("S3", "GET requests", math.ceil(gets / 1000) * 1000),
        _line("S3", "storage", 1, "storage, rounded up to 1 GB"),
    ]
