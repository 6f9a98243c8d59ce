"""A depot for the benchmarks: a project on the laptop's AWS, with orders, arrivals and answered reviews."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from scones.clients import ClientFactory
from scones.contract.layout import ARRIVALS, DECISIONS
from scones.dispatch_rule import Order
from scones.errors import ReviewError
from scones.laptop import laptop
from scones.progress import Progress, Reporter
from scones.settings import Settings
from scones.steps.dataset.source import find_source
from scones.steps.deploy import deploy
from scones.steps.orders import NewOrder, add_orders
from scones.steps.release import release, release_input
from scones.steps.review import answer_review, list_reviews
from scones.steps.stage import stage

# A sufficiently accurate model, trained in half a minute.
QUICK = {"epochs": "3", "folds": "2"}
# Polling costs the two cores that the measured server runs on, so a latency may be too high by this much.
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Depot:
    """A deployed project whose endpoint serves."""

    client: ClientFactory
    outputs: dict[str, str]
    settings: Settings

    def with_threshold(self, threshold: float) -> None:
        """Set the confidence from which no review is requested."""
        settings = self.settings.model_copy(update={"threshold": threshold})
        deploy(settings, cloudformation=self.client("cloudformation"), s3=self.client("s3"), progress=Progress())

    def add_orders(self, n: int, name: str) -> None:
        """Add `n` orders, every second one with a distance of 8 instead of 1."""
        now = datetime.now(UTC)
        promised = (now + timedelta(minutes=15 + k % 60) for k in range(n))
        orders = [NewOrder(Order(f"{name}-{k}", 1.0 + k % 2 * 7, by)) for k, by in enumerate(promised)]
        table = self.outputs["OrdersTable"]
        dynamodb = self.client("dynamodb")
        with ThreadPoolExecutor(4) as threads:
            for part in range(4):
                threads.submit(
                    add_orders, orders[part::4], table=table, dynamodb=dynamodb, progress=Progress(), now=now
                )

    def arrive(self, name: str, image: bytes, poll_seconds: float = _POLL_SECONDS) -> float:
        """Upload one image and wait for its decision; return the seconds in between.

        The result may be too high by `poll_seconds`. Polling loads the server: use a long interval if only the
        throughput is measured.
        """
        s3 = self.client("s3")
        bucket = self.outputs["Bucket"]
        started = time.perf_counter()
        s3.put_object(Bucket=bucket, Key=f"{ARRIVALS}{name}", Body=image)
        while True:
            try:
                s3.head_object(Bucket=bucket, Key=f"{DECISIONS}{name}.json")
                return time.perf_counter() - started
            except s3.exceptions.ClientError:
                time.sleep(poll_seconds)

    def decisions(self, prefix: str) -> list[dict[str, Any]]:
        """Return the decisions whose arrivals' names begin with `prefix`."""
        s3 = self.client("s3")
        bucket = self.outputs["Bucket"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=DECISIONS + prefix)
        keys = [stored["Key"] for page in pages for stored in page.get("Contents", [])]
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all items of the table that a stack output names."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs[table])
        return [item for page in pages for item in page["Items"]]

    @contextmanager
    def person(self, truth: Callable[[str], str]) -> Iterator[None]:
        """Answer every open review in a thread until the block ends; `truth` maps an arrival's key to its class."""
        stop = threading.Event()

        def work() -> None:
            function = self.outputs["ReviewFunction"]
            awslambda = self.client("lambda")
            while not stop.wait(0.5):
                # The chaos benchmark kills the function too; a person tries again.
                with suppress(ReviewError):
                    for review in list_reviews(function, awslambda=awslambda):
                        label = truth(review["s3_key"])
                        answer_review(function, review["arrival_id"], label, "bench", awslambda=awslambda)

        with ThreadPoolExecutor(1) as thread:
            working = thread.submit(work)
            try:
                yield
            finally:
                stop.set()
                working.result()


@contextmanager
def open_depot(images: Path, folder: Path) -> Iterator[Depot]:
    """Deploy, stage `images`, release a quickly trained model, and delete everything at the end of the block."""
    folder.mkdir()
    settings = Settings(hyperparameters=QUICK, minimum_accuracy=0)
    with chdir(folder), laptop(Reporter(Console(quiet=True)), keep=False) as client:
        outputs = deploy(settings, cloudformation=client("cloudformation"), s3=client("s3"), progress=Progress())
        staged = stage(find_source(str(images), {}, folder, Progress()), s3=client("s3"), bucket=outputs["Bucket"])
        request = release_input(settings, staged.manifest)
        release(outputs["ReleaseMachine"], request, client=client, progress=Progress())
        yield Depot(client, outputs, settings)


def megabytes() -> float:
    """Return the resident memory of the laptop's AWS in MB (10^6 bytes), without its functions, jobs and endpoints."""
    (server,) = [p for p in psutil.Process().children() if "localaws" in p.cmdline()]
    return float(server.memory_info().rss / 1e6)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the 50th and 95th percentiles, the maximum and the count."""
    ordered = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "greatest": 1.0}
    return {name: ordered[round((len(ordered) - 1) * share)] for name, share in at.items()} | {"n": len(ordered)}
