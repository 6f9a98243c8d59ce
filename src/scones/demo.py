"""READ THIS FIRST: the whole product in order. Runs on a laptop, against an AWS that it starts and stops by itself.

Each `with` of `run_demo` is one step, and calls the function that the command of the same name calls against a real
account: no step knows where it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from scones.contract.layout import ARRIVALS, DATA
from scones.contract.release import Manifest
from scones.errors import LeftBehindError
from scones.laptop import CACHE, laptop, one_at_a_time
from scones.progress import Progress, Reporter
from scones.report.types import Run
from scones.settings import Settings, load_settings
from scones.simulation.evening import sample_orders
from scones.steps.account.inventory import Client
from scones.steps.cleanup import cleanup
from scones.steps.dataset.source import find_source, with_negatives
from scones.steps.deliver import deliver
from scones.steps.deploy import deploy
from scones.steps.orders import Placed, add_orders
from scones.steps.release import release, release_input
from scones.steps.report import SERVICES, collect, write
from scones.steps.review import answer_review, list_reviews
from scones.steps.stage import stage

RUNS = Path("runs")
# Drivers come one after the other, fast enough that some find the one before them still being served.
ARRIVAL_SECONDS = 0.4


def run_demo(
    *, data: str | None, negatives: str | None, keep: bool, arrivals: int, epochs: int | None, console: Console
) -> Path:
    """Stage, release, deliver, report and clean up; return the run's folder. Raises SconesError."""
    settings, reporter = _settings(epochs), Reporter(console)
    folder = RUNS / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    with one_at_a_time(), ExitStack() as running:
        with reporter.step("find", "images to work with") as progress:
            source = with_negatives(find_source(data, os.environ, CACHE, progress), negatives, os.environ)
        client = running.enter_context(laptop(reporter, keep=keep))
        with reporter.step("deploy", "bucket, functions, roles, state machines and the rule between them") as progress:
            outputs = deploy(settings, cloudformation=client("cloudformation"), s3=client("s3"), progress=progress)
        with reporter.step("stage", "check, deduplicate, split and upload the images") as progress:
            staged = stage(source, s3=client("s3"), bucket=outputs["Bucket"], seed=settings.seed, progress=progress)
        with reporter.step("release", "train, evaluate, gate, register, deploy") as progress:
            request, machine = release_input(settings, staged.manifest), outputs["ReleaseMachine"]
            release(machine, request, stepfunctions=client("stepfunctions"), logs=client("logs"), progress=progress)
        with reporter.step("orders", "an evening's orders come in") as progress:
            _take_orders(settings, outputs, client, progress)
        with reporter.step(
            "deliver", f"{arrivals} drivers arrive, get their orders, and a person looks on"
        ) as progress:
            _drivers_arrive(staged.manifest, arrivals, outputs, client, progress)
        with reporter.step("report", "gather what happened and draw it"):
            run = _collect(settings, outputs, folder.name, client)
            page = write(run | {"seconds": reporter.seconds}, folder)
        if not keep:
            _clean_up(settings, run, folder, client, reporter)
    console.print(f"\n[bold]{page}[/]", highlight=False)
    if keep:
        console.print(
            'It is all still up: eval "$(scones local env)" to look around, `scones cleanup`, `scones local down`.'
        )
    return folder


def _settings(epochs: int | None) -> Settings:
    settings = load_settings()
    shorter = {"epochs": str(epochs)} if epochs else {}
    return settings.model_copy(update={"hyperparameters": settings.hyperparameters | shorter})


def _take_orders(settings: Settings, outputs: dict[str, str], client: Client, progress: Progress) -> None:
    now = datetime.now(UTC)
    evening = [Placed(order) for order in sample_orders(settings.dispatch, settings.seed, now)]
    add_orders(evening, table=outputs["OrdersTable"], dynamodb=client("dynamodb"), progress=progress, now=now)


def _drivers_arrive(manifest: Manifest, n: int, outputs: dict[str, str], client: Client, progress: Progress) -> None:
    pictures = _test_pictures(manifest, n, outputs["Bucket"], client("s3"))
    deliver(
        [(name, image) for name, image, _ in pictures],
        bucket=outputs["Bucket"],
        s3=client("s3"),
        progress=progress,
        interval=ARRIVAL_SECONDS,
        meanwhile=_person({ARRIVALS + name: label for name, _, label in pictures}, outputs, client),
    )


def _person(truth: dict[str, str], outputs: dict[str, str], client: Client) -> Callable[[], None]:
    """Return what plays the person at the gate, who sees what is in a picture, and answers whatever waits."""

    def look() -> None:
        function, awslambda = outputs["ReviewFunction"], client("lambda")
        for waiting in list_reviews(function, awslambda=awslambda):
            answer_review(function, waiting["arrival_id"], truth[waiting["s3_key"]], "demo", awslambda=awslambda)

    return look


def _test_pictures(manifest: Manifest, n: int, bucket: str, s3: Any) -> list[tuple[str, bytes, str]]:
    """Return up to `n` held-out test images as arrivals, each class in its turn: name, image, class."""
    by_class = [
        [i["key"] for i in manifest["images"] if i["key"].startswith(f"test/{c}/")] for c in manifest["classes"]
    ]
    longest = max(len(keys) for keys in by_class)
    keys = [keys[turn] for turn in range(longest) for keys in by_class if turn < len(keys)][:n]
    return [
        (
            f"driver-{number:02}/{key.rsplit('/', 1)[-1]}",
            s3.get_object(Bucket=bucket, Key=f"{DATA}{manifest['digest']}/{key}")["Body"].read(),
            key.split("/")[1],
        )
        for number, key in enumerate(keys, start=1)
    ]


def _collect(settings: Settings, outputs: dict[str, str], run_id: str, client: Client) -> Run:
    services = {name: client(name) for name in SERVICES}
    return collect(settings, outputs, run_id=run_id, where="laptop", **services)


def _clean_up(settings: Settings, run: Run, folder: Path, client: Client, reporter: Reporter) -> None:
    """Delete everything, and write the report again now that it is known what is left and how long all of it took."""
    left: list[str] | None = None
    try:
        with reporter.step("cleanup", "delete everything, then list every service again") as progress:
            cleanup(settings, client=client, progress=progress)
        left = []
    except LeftBehindError as error:
        left = error.left
        raise
    finally:
        write(run | {"seconds": reporter.seconds}, folder, left=left)
