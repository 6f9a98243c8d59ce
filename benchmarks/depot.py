"""A depot for the benchmarks: the whole project on the laptop's AWS, with orders, arrivals and a person who answers."""

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

# A model that tells the classes apart well enough, trained in half a minute.
QUICK = {"epochs": "3", "folds": "2"}
# Rather late by this much than a server that is asked all the time: it has two cores for everything.
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Depot:
    """A deployed project whose endpoint serves."""

    client: ClientFactory
    outputs: dict[str, str]
    settings: Settings

    def with_threshold(self, threshold: float) -> None:
        """From this confidence on no person is asked."""
        settings = self.settings.model_copy(update={"threshold": threshold})
        deploy(settings, cloudformation=self.client("cloudformation"), s3=self.client("s3"), progress=Progress())

    def add_orders(self, n: int, name: str) -> None:
        """As many near as far ones."""
        now = datetime.now(UTC)
        promised = (now + timedelta(minutes=15 + k % 60) for k in range(n))
        orders = [NewOrder(Order(f"{name}-{k}", 1.0 + k % 2 * 7, by)) for k, by in enumerate(promised)]
        table, dynamodb = self.outputs["OrdersTable"], self.client("dynamodb")
        with ThreadPoolExecutor(4) as threads:
            for part in range(4):
                threads.submit(
                    add_orders, orders[part::4], table=table, dynamodb=dynamodb, progress=Progress(), now=now
                )

    def arrive(self, name: str, image: bytes, poll_seconds: float = _POLL_SECONDS) -> float:
        """Upload one picture and wait for its decision; returns the seconds from the one to the other.

        It is late by up to `poll_seconds`, because looking costs the server something: who only counts deliveries
        should look seldom.
        """
        s3, bucket = self.client("s3"), self.outputs["Bucket"]
        started = time.perf_counter()
        s3.put_object(Bucket=bucket, Key=f"{ARRIVALS}{name}", Body=image)
        while True:
            try:
                s3.head_object(Bucket=bucket, Key=f"{DECISIONS}{name}.json")
                return time.perf_counter() - started
            except s3.exceptions.ClientError:
                time.sleep(poll_seconds)

    def decisions(self, prefix: str) -> list[dict[str, Any]]:
        s3, bucket = self.client("s3"), self.outputs["Bucket"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=DECISIONS + prefix)
        keys = [stored["Key"] for page in pages for stored in page.get("Contents", [])]
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    def rows(self, table: str) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs[table])
        return [item for page in pages for item in page["Items"]]

    @contextmanager
    def person(self, truth: Callable[[str], str]) -> Iterator[None]:
        """Somebody at the gate who answers whatever waits; `truth` is of an arrival's key."""
        stop = threading.Event()

        def work() -> None:
            function, awslambda = self.outputs["ReviewFunction"], self.client("lambda")
            while not stop.wait(0.5):
                # Where the function is killed, a person tries again.
                with suppress(ReviewError):
                    for waiting in list_reviews(function, awslambda=awslambda):
                        label = truth(waiting["s3_key"])
                        answer_review(function, waiting["arrival_id"], label, "bench", awslambda=awslambda)

        with ThreadPoolExecutor(1) as thread:
            working = thread.submit(work)
            try:
                yield
            finally:
                stop.set()
                working.result()


@contextmanager
def open_depot(images: Path, folder: Path) -> Iterator[Depot]:
    """Deploy, stage `images`, release a quickly trained model, and clean up by throwing all of it away."""
    folder.mkdir()
    settings = Settings(hyperparameters=QUICK, minimum_accuracy=0)
    with chdir(folder), laptop(Reporter(Console(quiet=True)), keep=False) as client:
        outputs = deploy(settings, cloudformation=client("cloudformation"), s3=client("s3"), progress=Progress())
        staged = stage(find_source(str(images), {}, folder, Progress()), s3=client("s3"), bucket=outputs["Bucket"])
        request = release_input(settings, staged.manifest)
        release(outputs["ReleaseMachine"], request, client=client, progress=Progress())
        yield Depot(client, outputs, settings)


def megabytes() -> float:
    """The laptop's AWS's own resident memory, without the functions, jobs and endpoints that it started."""
    (server,) = [p for p in psutil.Process().children() if "localaws" in p.cmdline()]
    return float(server.memory_info().rss / 1e6)


def spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "greatest": 1.0}
    return {name: ordered[round((len(ordered) - 1) * share)] for name, share in at.items()} | {"n": len(ordered)}
