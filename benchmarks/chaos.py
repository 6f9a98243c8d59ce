"""Five hundred arrivals with faults: repeated and shuffled events, killed functions, and an endpoint outage.

Every arrival must have one recorded outcome, no order two arrivals, and no arrival two orders.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.depot import Depot
from scones.contract.layout import ARRIVALS
from scones.items import from_item
from scones.steps.account.package import function_zip

ARRIVED, AT_ONCE, ONE_IN, DOWN_SECONDS, SEED = 500, 16, 20, 5, 0
FUNCTIONS = ("serialize", "classify", "filter", "dispatch", "review", "record")
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Labelled:
    """An encoded image and its true class."""

    image: bytes
    label: str


def measure(depot: Depot, images: Sequence[Labelled], seed: int = SEED) -> dict[str, Any]:
    """Run the arrivals, whose keys begin with `chaos/`, while a person answers the reviews; return the counts."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible evening, not a secret
    depot.with_threshold(0.8)
    depot.add_orders(ARRIVED * 2, "chaos")
    depot.client("events").disable_rule(Name=f"{depot.settings.project}-arrivals")
    events = [event for n in range(ARRIVED) for event in _events(depot, n, images, chance)]
    chance.shuffle(events)
    inject_kills(depot, ONE_IN)
    started = time.monotonic()
    executions = _deliver(depot, events)
    statuses = _wait(depot, executions)
    seconds = time.monotonic() - started
    depot.client("events").enable_rule(Name=f"{depot.settings.project}-arrivals")
    killed = count_killed(depot, executions)
    restore_functions(depot)
    return {"n": ARRIVED, "events": len(events), "seed": seed, "seconds": round(seconds, 1)} | {
        "killed": killed,
        "endpoint_down_seconds": DOWN_SECONDS,
        "executions": dict(statuses),
        **check(depot),
    }


def check(depot: Depot) -> dict[str, Any]:
    """Count outcomes and violations in the tables and the bucket."""
    decided = depot.decisions("chaos/")
    arrivals = map(from_item, depot.rows("ArrivalsTable"))
    orders = map(from_item, depot.rows("OrdersTable"))
    ours = [row for row in arrivals if row["s3_key"].startswith(f"{ARRIVALS}chaos/") and "assignment" in row]
    by_arrival = [(row["assignment"]["order_id"], row["arrival_id"]) for row in ours]
    by_order = [
        (row["order_id"], row["arrival_id"])
        for row in orders
        if row["order_id"].startswith("chaos-") and "arrival_id" in row
    ]
    recorded = {(d["assignment"]["order_id"], d["arrival_id"]) for d in decided if d["assignment"]}
    arrived = {decision["arrival_id"] for decision in decided}
    return {
        "outcomes": dict(Counter(decision["outcome"] for decision in decided)),
        "reviewed": sum(decision["review"] is not None for decision in decided),
        "recorded": len(arrived),
        "lost": ARRIVED - len(arrived),
        "orders_given_twice": _repeated(order for order, _ in by_arrival),
        "arrivals_with_two_orders": _repeated(arrival for _, arrival in by_order),
        "tables_and_decisions_agree": set(by_arrival) == set(by_order) == recorded,
    }


def _repeated(names: Iterable[str]) -> int:
    return sum(count > 1 for count in Counter(names).values())


def inject_kills(depot: Depot, one_in: int) -> None:
    """Wrap the deployed functions in `chaos_handler`, which kills one invocation in `one_in`."""
    packed = io.BytesIO(function_zip())
    with zipfile.ZipFile(packed, "a") as archive:
        archive.write(Path(__file__).with_name("chaos_handler.py"), "chaos.py")
    awslambda = depot.client("lambda")
    for name in FUNCTIONS:
        function = f"{depot.settings.project}-{name}"
        about = awslambda.get_function_configuration(FunctionName=function)
        variables = about.get("Environment", {}).get("Variables", {})
        chaos = {"CHAOS_HANDLER": about["Handler"], "CHAOS_ONE_IN": str(one_in)}
        awslambda.update_function_code(FunctionName=function, ZipFile=packed.getvalue())
        awslambda.update_function_configuration(
            FunctionName=function, Handler="chaos.handler", Environment={"Variables": variables | chaos}
        )


def restore_functions(depot: Depot) -> None:
    """Restore the functions' own code and configuration."""
    awslambda = depot.client("lambda")
    for name in FUNCTIONS:
        function = f"{depot.settings.project}-{name}"
        variables = awslambda.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        handler = variables.pop("CHAOS_HANDLER")
        variables.pop("CHAOS_ONE_IN")
        awslambda.update_function_code(FunctionName=function, ZipFile=function_zip())
        awslambda.update_function_configuration(
            FunctionName=function, Handler=handler, Environment={"Variables": variables}
        )


def count_killed(depot: Depot, executions: Sequence[str]) -> int:
    """Count the state machine's invocations that ended in a kill; kills during reviews are not included."""
    states = depot.client("stepfunctions")
    killed = 0
    for execution in executions:
        for page in states.get_paginator("get_execution_history").paginate(executionArn=execution):
            failed = [event.get("taskFailedEventDetails", {}) for event in page["events"]]
            killed += sum(details.get("error") == "Runtime.ExitError" for details in failed)
    return killed


def _events(depot: Depot, number: int, images: Sequence[Labelled], chance: random.Random) -> list[str]:
    """Upload one image; return its EventBridge event one to three times."""
    key = f"{ARRIVALS}chaos/{number:04}.png"
    stored = depot.client("s3").put_object(
        Bucket=depot.outputs["Bucket"], Key=key, Body=images[number % len(images)].image
    )
    about = {"key": key, "etag": stored["ETag"].strip('"'), "version-id": stored["VersionId"]}
    detail = {"bucket": {"name": depot.outputs["Bucket"]}, "object": about}
    event = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    return [json.dumps(event | {"id": f"{number}-{turn}"}) for turn in range(chance.randint(1, 3))]


def _deliver(depot: Depot, events: Sequence[str]) -> list[str]:
    """Start an execution for each event, `AT_ONCE` at a time; the endpoint is deleted halfway."""
    states = depot.client("stepfunctions")
    machine = depot.outputs["DeliveryMachine"]

    def run(event: str) -> str:
        execution = str(states.start_execution(stateMachineArn=machine, input=event)["executionArn"])
        deadline = time.monotonic() + 60
        while states.describe_execution(executionArn=execution)["status"] == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.05)
        return execution

    down = threading.Thread(target=_endpoint_down, args=(depot,))
    executions: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for number, execution in enumerate(threads.map(run, events)):
            executions.append(execution)
            if number == len(events) // 2:
                down.start()
    down.join()
    return executions


def _endpoint_down(depot: Depot) -> None:
    sagemaker = depot.client("sagemaker")
    name = depot.settings.project
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    sagemaker.delete_endpoint(EndpointName=name)
    time.sleep(DOWN_SECONDS)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)


def _wait(depot: Depot, executions: Sequence[str]) -> Counter[str]:
    states = depot.client("stepfunctions")
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    running = list(executions)
    ended: Counter[str] = Counter()
    while running and time.monotonic() < deadline:
        statuses = {arn: states.describe_execution(executionArn=arn)["status"] for arn in running}
        ended.update(status for status in statuses.values() if status != "RUNNING")
        running = [arn for arn, status in statuses.items() if status == "RUNNING"]
        time.sleep(0.5)
    return ended + Counter({"RUNNING": len(running)})
