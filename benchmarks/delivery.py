"""Deliveries on the laptop's AWS, from an image to an order: measures them and prints issue 5's figures.

    make bench-delivery     (or: python -m benchmarks.delivery ../shared/data benchmarks/results/delivery.json)

Everything is the product as it is deployed: S3, EventBridge, Step Functions, Lambda and the endpoint, as processes on
this machine. About 10 minutes on 2 idle cores.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import Any

from benchmarks import chaos, engine, simulation
from benchmarks.chaos import Labelled
from benchmarks.data import stage_images
from benchmarks.delivery_table import figures, show
from benchmarks.depot import Depot, megabytes, open_depot, spread
from benchmarks.machine import machine
from scones.steps.account.package import function_zip
from scones.steps.run.gather import lambda_runs
from scones.steps.simulate import newest_evaluation, read_evaluation

ALONE, SUSTAINED, AT_ONCE, OPEN_ORDERS = 100, 2000, 16, 400
_POLL_SECONDS, _PORTIONS = 0.1, 5
LIBRARIES = ("ministack", "awslambdaric", "boto3", "onnxruntime", "simpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with cifar100_bikes, cifar100_other and photos")
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--evaluation", type=Path, help="an evaluation.json to simulate with, instead of a quick model's"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scones-benchmark-") as folder:
        result = benchmark(arguments.data.absolute(), Path(folder), arguments.evaluation)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def benchmark(data: Path, folder: Path, evaluation: Path | None) -> dict[str, Any]:
    """Measure everything below `folder`; return the content of delivery.json."""
    started = time.monotonic()
    about = machine(LIBRARIES)
    staged = stage_images(data, folder / "images")
    paths = sorted((staged.staged / "test").glob("*/*"))
    images = [Labelled(path.read_bytes(), path.parent.name) for path in paths]
    random.Random(0).shuffle(images)  # noqa: S311 - a reproducible order, not a secret
    result: dict[str, Any] = {"machine": about, "images": len(images), "zip_megabytes": len(function_zip()) / 1e6}
    with open_depot(data / "cifar100_bikes", folder / "depot") as depot, depot.person(partial(truth, images)):
        for name, measure in _measures(depot, images, evaluation).items():
            print(f"{time.monotonic() - started:6.0f} s  {name}", flush=True)
            result[name] = measure()
    result["seconds"] = round(time.monotonic() - started, 1)
    return result | {"figures": figures(result)}


def _measures(
    depot: Depot, images: Sequence[Labelled], evaluation: Path | None
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the measurements in their order; those with little load come first."""
    return {
        "alone": lambda: measure_alone(depot, images),
        "functions": lambda: measure_functions(depot),
        "engine": lambda: engine.measure(depot),
        "sustained": lambda: measure_sustained(depot, images),
        "chaos": lambda: chaos.measure(depot, images),
        "simulation": lambda: simulation.measure(read_evaluation(evaluation) if evaluation else newest(depot)),
    }


def measure_functions(depot: Depot) -> dict[str, Any]:
    """Return the milliseconds in the REPORT log lines of the deliveries up to now."""
    runs = lambda_runs(depot.settings.project, logs=depot.client("logs"))
    return {
        run["name"]: {
            "init_ms": [line["init_ms"] for line in run["invocations"] if line["init_ms"] is not None],
            "warm_ms": [line["run_ms"] for line in run["invocations"] if line["init_ms"] is None],
        }
        for run in runs
    }


def truth(images: Sequence[Labelled], key: str) -> str:
    """Return an arrival's true class, by the number at the end of its name."""
    number = re.search(r"(\d+)[.]png$", key)
    return images[int(number[1] if number else 0) % len(images)].label


def newest(depot: Depot) -> Any:
    """Return the evaluation of the depot's newest release."""
    machine_arn = depot.outputs["ReleaseMachine"]
    bucket = depot.outputs["Bucket"]
    return newest_evaluation(machine_arn, bucket, stepfunctions=depot.client("stepfunctions"), s3=depot.client("s3"))


def measure_alone(depot: Depot, images: Sequence[Labelled]) -> dict[str, Any]:
    """Return the milliseconds of single warm deliveries, from before the upload to the decision in the bucket."""
    depot.with_threshold(0)
    depot.add_orders(OPEN_ORDERS, "alone")
    for number in range(10):
        depot.arrive(f"warm/{number}.png", images[number].image)
    arriving = islice(cycle(images), ALONE)
    return spread([depot.arrive(f"alone/{n}.png", labelled.image) * 1000 for n, labelled in enumerate(arriving)])


def measure_sustained(depot: Depot, images: Sequence[Labelled]) -> dict[str, Any]:
    """Run `AT_ONCE` concurrent deliveries; return throughput and memory by quarter.

    Orders are added in portions, outside the measured time, and a fifth more than the arrivals take: hundreds stay
    open, no arrival waits for an order, and the size of the orders table does not affect the figures.
    """
    per_second: list[float] = []
    memory = [megabytes()]
    for quarter in range(4):
        seconds = sum(_portion(depot, images, quarter * _PORTIONS + turn) for turn in range(_PORTIONS))
        per_second.append(SUSTAINED / 4 / seconds)
        memory.append(megabytes())
    return {"n": SUSTAINED, "at_once": AT_ONCE, "per_second": per_second, "megabytes": memory}


def _portion(depot: Depot, images: Sequence[Labelled], turn: int) -> float:
    """Return the seconds of one portion of arrivals."""
    first = turn * SUSTAINED // (4 * _PORTIONS)
    count = SUSTAINED // (4 * _PORTIONS)
    depot.add_orders(count * 6 // 5, f"sustained-{turn}")
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        names = [f"sustained/{first + n}.png" for n in range(count)]
        bodies = [images[(first + n) % len(images)].image for n in range(count)]
        list(threads.map(depot.arrive, names, bodies, repeat(_POLL_SECONDS)))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
