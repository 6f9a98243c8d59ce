"""The commands under test: what each needs before it runs, and how to see that it has done its work."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.site import Fault, Result, Site, draw_images, eventually, set_up
from scones.contract.layout import ARRIVALS, DATA, DECISIONS, LABELS
from scones.dispatch_rule import Order
from scones.items import from_item
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.cleanup import cleanup
from scones.steps.dataset.sketches import draw, png
from scones.steps.deliveries import DeliveryContext, failed_deliveries
from scones.steps.orders import NewOrder, add_orders
from scones.steps.review import list_reviews
from scones.steps.storage.s3 import list_objects, read_json

# Every image is accepted in the first project, and reviewed in the second.
SETTINGS = Settings(project="scones", threshold=0.0, minimum_accuracy=0)
REVIEWED = Settings(project="desk", threshold=1.0, minimum_accuracy=0)
PASSING = Settings(project="gone", threshold=0.0, minimum_accuracy=0)


@dataclass(frozen=True)
class Drill:
    """One run of a command: its arguments, its environment, and `problem`, which looks at what came of it.

    `problem` takes the last run's result and returns what is wrong, or an empty string.
    """

    argv: tuple[str, ...]
    problem: Callable[[Result], str]
    settings: Settings = field(default_factory=lambda: SETTINGS)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the command."""
        values = {name: getattr(self.settings, name) for name in ("project", "threshold", "minimum_accuracy")}
        return {f"SCONES_{name.upper()}": str(value) for name, value in values.items()} | self.environment


@dataclass(frozen=True)
class Depots:
    """The site with its two deployed projects; `outputs` are their stacks' outputs, by the project's name."""

    site: Site
    outputs: dict[str, dict[str, str]]

    def bucket(self, settings: Settings = SETTINGS) -> str:
        return self.outputs[settings.project]["Bucket"]

    def rows(self, table: str, settings: Settings = SETTINGS) -> list[dict[str, Any]]:
        """Return the items of the table that an output names."""
        pages = self.site.client("dynamodb").get_paginator("scan")
        name = self.outputs[settings.project][table]
        return [from_item(item) for page in pages.paginate(TableName=name) for item in page["Items"]]

    def decision(self, name: str, settings: Settings = SETTINGS) -> dict[str, Any] | None:
        """Return the decision on `<driver>/<name>`, or None."""
        found: dict[str, Any] | None = read_json(
            self.bucket(settings), f"{DECISIONS}{name}.json", s3=self.site.client("s3")
        )
        return found

    def arrive(self, name: str, seed: int, settings: Settings = SETTINGS) -> None:
        """Upload a drawn image as the arrival `<driver>/<name>`."""
        image = png(draw("bicycle", 500_000 + seed, 32))
        self.site.client("s3").put_object(Bucket=self.bucket(settings), Key=ARRIVALS + name, Body=image)


def open_depots(site: Site) -> Depots:
    """Deploy and release both projects, with orders for every drill."""
    outputs = {settings.project: set_up(site, settings, settings.project) for settings in (SETTINGS, REVIEWED)}
    depots = Depots(site, outputs)
    for settings in (SETTINGS, REVIEWED):
        fill_orders(depots, 1500, settings)
    return depots


def fill_orders(depots: Depots, count: int, settings: Settings = SETTINGS) -> None:
    promised = datetime.now(UTC) + timedelta(hours=12)
    orders = [NewOrder(Order(f"order-{k}", 1.0, promised)) for k in range(count)]
    table = depots.outputs[settings.project]["OrdersTable"]
    dynamodb = depots.site.client("dynamodb")
    add_orders(orders, table=table, dynamodb=dynamodb, progress=Progress(), now=datetime.now(UTC))


def succeeded(result: Result) -> str:
    """Return a problem unless the command succeeded; for commands that only show something."""
    return "" if result.code == 0 else f"it ended with {result.code}"


def stage(depots: Depots, n: int) -> Drill:
    folder = draw_images(depots.site.folder / "stage" / str(n), 20, seed=n + 1)
    return Drill(("stage", str(folder), "--json"), partial(_staged, depots))


def _staged(depots: Depots, result: Result) -> str:
    if result.code:
        return succeeded(result)
    (row,) = json.loads(result.stdout)
    digest = row["digest"]
    keys = [stored["Key"] for stored in list_objects(depots.bucket(), f"{DATA}{digest}/", s3=depots.site.client("s3"))]
    manifest = read_json(depots.bucket(), f"{DATA}{digest}/manifest.json", s3=depots.site.client("s3"))
    missing = {f"{DATA}{digest}/{image['key']}" for image in manifest["images"]} - set(keys)
    return f"{len(missing)} images are missing" if missing else ""


def deploy(depots: Depots, n: int) -> Drill:
    seconds = str((1 + n % 119) * 60)
    minutes = {"SCONES_REVIEW_MINUTES": str(1 + n % 119)}
    return Drill(("deploy", "--json"), partial(_deployed, depots, seconds), environment=minutes)


def _deployed(depots: Depots, seconds: str, result: Result) -> str:
    stacks = depots.site.client("cloudformation").describe_stacks(StackName=SETTINGS.workflow_stack)["Stacks"]
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stacks[0]["Parameters"]}
    if parameters["ReviewSeconds"] != seconds:
        return "the stack has its earlier parameters"
    return "" if stacks[0]["StackStatus"] == "UPDATE_COMPLETE" else f"the stack is {stacks[0]['StackStatus']}"


def release(depots: Depots, n: int) -> Drill:
    digest = depots.outputs[SETTINGS.project]["Digest"]
    return Drill(("release", digest, "--json"), partial(_released, depots))


def _released(depots: Depots, result: Result) -> str:
    if result.code:
        return succeeded(result)
    machine = depots.outputs[SETTINGS.project]["ReleaseMachine"]
    (newest,) = depots.site.client("stepfunctions").list_executions(stateMachineArn=machine, maxResults=1)["executions"]
    endpoint = depots.site.client("sagemaker").describe_endpoint(EndpointName=SETTINGS.project)
    if newest["status"] != "SUCCEEDED":
        return f"the newest release is {newest['status']}"
    serves = (endpoint["EndpointConfigName"], endpoint["EndpointStatus"]) == (newest["name"], "InService")
    return "" if serves else f"the endpoint serves {endpoint['EndpointConfigName']}, {endpoint['EndpointStatus']}"


def unwatched_releases(depots: Depots) -> list[str]:
    """Return the ARNs of the releases that still run."""
    machine = depots.outputs[SETTINGS.project]["ReleaseMachine"]
    states = depots.site.client("stepfunctions")
    running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    return [execution["executionArn"] for execution in running]


def deliver(depots: Depots, n: int) -> Drill:
    folder = depots.site.folder / "deliver" / str(n)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{k}.png" for k in range(2)]
    for k, path in enumerate(paths):
        path.write_bytes(png(draw("motorcycle", 100_000 + 2 * n + k, 32)))
    driver = f"driver-{n}"
    argv = ("deliver", "--driver", driver, *map(str, paths), "--json")
    return Drill(argv, partial(_delivered, depots, driver, 2))


def _delivered(depots: Depots, driver: str, count: int, result: Result) -> str:
    prefix = f"{ARRIVALS}{driver}/"
    ours = [row for row in depots.rows("ArrivalsTable") if row["s3_key"].startswith(prefix)]
    if len(ours) != count:
        return f"{count} images made {len(ours)} arrivals"
    orders = [row.get("assignment", {}).get("order_id") for row in ours]
    given = [row["order_id"] for row in depots.rows("OrdersTable") if row.get("arrival_id") in _ids(ours)]
    if None in orders or sorted(orders) != sorted(given):
        return f"the arrivals have the orders {orders}, and the orders {given} have the arrivals"
    decisions = [depots.decision(row["s3_key"].removeprefix(ARRIVALS)) for row in ours]
    outcomes = [decision and decision["outcome"] for decision in decisions]
    return "" if outcomes == ["DISPATCHED"] * count else f"the decisions are {outcomes}"


def _ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["arrival_id"] for row in rows}


def review(depots: Depots, n: int) -> Drill:
    depots.arrive(f"asked-{n}/1.png", 2 * n, REVIEWED)
    arrival = _waiting(depots, f"{ARRIVALS}asked-{n}/1.png")
    argv = ("review", arrival, "bicycle", "--reviewer", "ben", "--json")
    return Drill(argv, partial(_reviewed, depots, f"asked-{n}/1.png", arrival), REVIEWED)


def _waiting(depots: Depots, key: str) -> str:
    """Return the id of an arrival that waits for a review."""
    function = depots.outputs[REVIEWED.project]["ReviewFunction"]

    def look() -> str:
        reviews = list_reviews(function, awslambda=depots.site.client("lambda"))
        return next((review["arrival_id"] for review in reviews if review["s3_key"] == key), "")

    return eventually(look)


def _reviewed(depots: Depots, name: str, arrival: str, result: Result) -> str:
    bucket = depots.bucket(REVIEWED)
    decision = eventually(lambda: depots.decision(name, REVIEWED), 10)
    if not decision or (decision["review"] or {}).get("answer") != "bicycle":
        return f"the decision is {decision}"
    label = read_json(bucket, f"{LABELS}{arrival}.json", s3=depots.site.client("s3"))
    return "" if label else "the label is missing"


def reviews(depots: Depots, n: int) -> Drill:
    return Drill(("review", "--json"), succeeded, REVIEWED)


def order(depots: Depots, n: int) -> Drill:
    promised = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="minutes")
    argv = ("orders", "add", f"new-{n}", "--promised", promised, "--km", "2", "--json")
    return Drill(argv, partial(_ordered, depots, f"new-{n}"), REVIEWED)


def _ordered(depots: Depots, name: str, result: Result) -> str:
    rows = [row for row in depots.rows("OrdersTable", REVIEWED) if row["order_id"] == name]
    return "" if len(rows) == 1 else f"the table has the order {len(rows)} times"


def orders(depots: Depots, n: int) -> Drill:
    return Drill(("orders", "list", "--json"), succeeded)


def deliveries(depots: Depots, n: int) -> Drill:
    return Drill(("deliveries", "--json"), succeeded)


def failed(depots: Depots, n: int) -> Drill:
    return Drill(("deliveries", "--failed", "--json"), succeeded)


def redrive(depots: Depots, n: int) -> Drill:
    name = f"failed-{n}/1.png"
    depots.site.inject(Fault("lambda", "s3", "GetObject", "access-denied"))
    depots.arrive(name, 2 * n + 1)
    eventually(lambda: depots.decision(name))
    depots.site.clear()
    return Drill(("deliveries", "--redrive", "--json"), partial(_redriven, depots, name))


def _redriven(depots: Depots, name: str, result: Result) -> str:
    eventually(lambda: (depots.decision(name) or {}).get("outcome") == "DISPATCHED", 15)
    outputs = depots.outputs[SETTINGS.project]
    resources = [outputs[key] for key in ("DeliveryMachine", "DeadLetters", "ArrivalsTable")]
    clients = [depots.site.client("stepfunctions"), depots.site.client("sqs"), depots.site.client("dynamodb")]
    left = [delivery["s3_key"] for delivery in failed_deliveries(DeliveryContext(*resources, *clients))]
    if f"{ARRIVALS}{name}" in left:
        return "the delivery is still listed as failed"
    decision = depots.decision(name)
    return "" if decision and decision["outcome"] == "DISPATCHED" else f"the decision is {decision}"


def report(depots: Depots, n: int) -> Drill:
    folder = depots.site.folder / "reports" / str(n)
    argv = ("report", "--out", str(folder), "--json")
    return Drill(argv, lambda result: "" if (folder / "report.html").exists() else "the report is missing", REVIEWED)


def classify(depots: Depots, n: int) -> Drill:
    folder = draw_images(depots.site.folder / "classify" / str(n), 3, seed=200 + n)
    table = depots.site.folder / "classify" / f"{n}.csv"
    argv = ("classify", str(folder), "--out", str(table), "--json")
    return Drill(argv, partial(_classified, table), REVIEWED)


def _classified(table: Path, result: Result) -> str:
    rows = table.read_text().splitlines()[1:] if table.exists() else []
    return "" if len(rows) == 6 else f"the table has {len(rows)} of 6 rows"


def forget(depots: Depots, n: int) -> Drill:
    name = f"leaving-{n}/1.png"
    depots.arrive(name, 2 * n + 1)
    eventually(lambda: depots.decision(name))
    return Drill(("forget", f"leaving-{n}", "--yes", "--json"), partial(_forgotten, depots, f"leaving-{n}"))


def _forgotten(depots: Depots, driver: str, result: Result) -> str:
    s3 = depots.site.client("s3")
    left = [row["s3_key"] for row in depots.rows("ArrivalsTable") if row["s3_key"].startswith(f"{ARRIVALS}{driver}/")]
    for prefix in (ARRIVALS, DECISIONS):
        versions = s3.list_object_versions(Bucket=depots.bucket(), Prefix=f"{prefix}{driver}/")
        left += [version["Key"] for version in versions.get("Versions", []) + versions.get("DeleteMarkers", [])]
    return f"{left} are left" if left else ""


def clean(depots: Depots, n: int) -> Drill:
    outputs = set_up(depots.site, PASSING, PASSING.project)
    image = png(draw("bicycle", 700_000 + n, 32))
    depots.site.client("s3").put_object(Bucket=outputs["Bucket"], Key=f"{ARRIVALS}eve/{n}.png", Body=image)
    return Drill(("cleanup", "--json"), partial(_cleaned, depots), PASSING)


def _cleaned(depots: Depots, result: Result) -> str:
    if result.code:
        return succeeded(result)
    # A second cleanup finds nothing to delete.
    left = cleanup(PASSING, client=depots.site.client, progress=Progress())
    return f"{[resource.id for resource in left]} were left" if left else ""


# In the order of a user's day; `cleanup` last, because it is the slowest.
SCENARIOS: dict[str, Callable[[Depots, int], Drill]] = {
    "stage": stage,
    "deploy": deploy,
    "release": release,
    "orders add": order,
    "orders list": orders,
    "deliver": deliver,
    "review": reviews,
    "review ARRIVAL": review,
    "deliveries": deliveries,
    "deliveries --failed": failed,
    "deliveries --redrive": redrive,
    "report": report,
    "classify": classify,
    "forget": forget,
    "cleanup": clean,
}
