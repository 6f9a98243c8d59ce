"""READ THIS FIRST: the whole product in order. Runs on a laptop, against an AWS that it starts and stops itself.

Each `with` of `run_demo` is one step, and calls the function that the command of the same name calls against a real
account: no step knows where it runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from scones.console import plain
from scones.contract.layout import ARRIVALS, DATA
from scones.contract.release import Manifest
from scones.errors import LeftBehindError
from scones.extras import require_extra
from scones.laptop import CACHE, demo_lock, laptop
from scones.progress import Progress, Reporter
from scones.report.types import Run
from scones.settings import Settings, load_settings
from scones.simulation.evening import sample_orders
from scones.steps.cleanup import cleanup
from scones.steps.dataset.source import find_source, with_negatives
from scones.steps.deliver import Schedule, deliver
from scones.steps.deploy import deploy
from scones.steps.orders import NewOrder, add_orders
from scones.steps.release import release, release_input
from scones.steps.report import collect, write
from scones.steps.review import answer_review, list_reviews
from scones.steps.stage import stage
from scones.steps.storage.arrivals import first_name

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client

    from scones.clients import ClientFactory

RUNS = Path("runs")
# Short enough that some drivers arrive while the one before them is still being served.
ARRIVAL_SECONDS = 0.4


@dataclass(frozen=True)
class DemoOptions:
    """The options of `scones demo`; see `scones demo --help`."""

    data: str | None
    negatives: str | None
    keep: bool
    arrivals: int
    epochs: int | None


def run_demo(options: DemoOptions, console: Console) -> Path:
    """Stage, release, deliver, report and clean up; return the folder of the report. Raises SconesError."""
    require_extra("demo", "the demo")
    settings = _settings(options.epochs)
    reporter = Reporter(console)
    folder = RUNS / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    with demo_lock(), ExitStack() as stack:
        with reporter.step("find", "images to work with") as progress:
            source = find_source(options.data, os.environ, CACHE, progress)
            source = with_negatives(source, options.negatives, os.environ)
        client = stack.enter_context(laptop(reporter, keep=options.keep))
        with reporter.step("deploy", "bucket, functions, roles, state machines and the rule between them") as progress:
            outputs = deploy(settings, cloudformation=client("cloudformation"), s3=client("s3"), progress=progress)
        with reporter.step("stage", "check, deduplicate, split and upload the images") as progress:
            staged = stage(source, s3=client("s3"), bucket=outputs["Bucket"], seed=settings.seed, progress=progress)
        with reporter.step("release", "train, evaluate, gate, register, deploy") as progress:
            _release(settings, staged.manifest, outputs, client, progress)
        with reporter.step("orders", "an evening's orders come in") as progress:
            _add_orders(settings, outputs["OrdersTable"], client, progress)
        arriving = f"{options.arrivals} drivers arrive and get their orders, some after a review"
        with reporter.step("deliver", arriving) as progress:
            images = held_out_images(staged.manifest, options.arrivals, outputs["Bucket"], s3=client("s3"))
            _deliver(images, outputs, client, progress)
        with reporter.step("report", "gather what happened and draw it"):
            run = _collect(settings, outputs, folder.name, client)
            page = write(run | {"seconds": reporter.seconds}, folder)
        if not options.keep:
            _clean_up(settings, run, folder, client, reporter)
    console.print()
    console.print(plain(page, "bold"), highlight=False)
    if options.keep:
        kept = 'Still running. Inspect it with eval "$(scones local env)"; stop it with `scones local down`.'
        console.print(plain(kept), highlight=False)
    return folder


def _settings(epochs: int | None) -> Settings:
    settings = load_settings()
    if epochs is None:
        return settings
    return settings.model_copy(update={"hyperparameters": {**settings.hyperparameters, "epochs": str(epochs)}})


def _release(
    settings: Settings, manifest: Manifest, outputs: dict[str, str], client: ClientFactory, progress: Progress
) -> None:
    release(outputs["ReleaseMachine"], release_input(settings, manifest), client=client, progress=progress)


def _add_orders(settings: Settings, table: str, client: ClientFactory, progress: Progress) -> None:
    now = datetime.now(UTC)
    evening = sample_orders(settings.dispatch, settings.seed, now)
    orders = [NewOrder(order) for order in evening]
    add_orders(orders, table=table, dynamodb=client("dynamodb"), progress=progress, now=now)


@dataclass(frozen=True)
class HeldOutImage:
    """An image of the test split, as an arrival; `name` is `<driver>/<file>`, `label` its true class."""

    name: str
    content: bytes
    label: str


def held_out_images(manifest: Manifest, count: int, bucket: str, *, s3: S3Client) -> list[HeldOutImage]:
    """Return up to `count` images of the test split, one class after the other, each with a driver of its own."""
    keys_by_class = [
        [image["key"] for image in manifest["images"] if image["key"].startswith(f"test/{name}/")]
        for name in manifest["classes"]
    ]
    # A bicycle, a motorcycle, a bicycle, ...: shorter classes are padded with None, which is left out again.
    alternating = [key for key in chain.from_iterable(zip_longest(*keys_by_class)) if key is not None]
    images = []
    for number, key in enumerate(alternating[:count], start=1):
        _split, label, file = key.split("/")
        stored = s3.get_object(Bucket=bucket, Key=f"{DATA}{manifest['digest']}/{key}")
        images.append(HeldOutImage(f"driver-{number:02}/{file}", stored["Body"].read(), label))
    return images


def _deliver(images: list[HeldOutImage], outputs: dict[str, str], client: ClientFactory, progress: Progress) -> None:
    labels = {f"{ARRIVALS}{image.name}": image.label for image in images}
    reviewer = partial(play_reviewer, labels, outputs["ReviewFunction"], awslambda=client("lambda"))
    deliver(
        [(image.name, image.content) for image in images],
        bucket=outputs["Bucket"],
        s3=client("s3"),
        progress=progress,
        schedule=Schedule(interval=ARRIVAL_SECONDS, meanwhile=reviewer),
    )


def play_reviewer(labels: Mapping[str, str], function: str, *, awslambda: LambdaClient) -> None:
    """Answer the reviews that wait with the true classes of their images; `labels` maps S3 keys to classes."""
    for review in list_reviews(function, awslambda=awslambda):
        key = review["s3_key"]
        # A second demo with `--keep` delivers the same images again, under new names.
        if label := labels.get(key) or labels.get(first_name(key)):
            answer_review(function, review["arrival_id"], label, "demo", awslambda=awslambda)


def _collect(settings: Settings, outputs: dict[str, str], run_id: str, client: ClientFactory) -> Run:
    return collect(settings, outputs, run_id=run_id, where="laptop", client=client)


def _clean_up(settings: Settings, run: Run, folder: Path, client: ClientFactory, reporter: Reporter) -> None:
    left: list[str] | None = None
    try:
        with reporter.step("cleanup", "delete everything, then list every service again") as progress:
            cleanup(settings, client=client, progress=progress)
        left = []
    except LeftBehindError as error:
        left = error.left
        raise
    finally:
        # The report is written again, because only now it is known what is left and how long everything took.
        write(run | {"seconds": reporter.seconds}, folder, left=left)
