"""One training job and its evaluations, as the processes that SageMaker would start, measured from outside.

`python -m scones.model train` and `evaluate` run in folders of their own; nothing here looks into the network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.data import TRAINING, Images, link
from benchmarks.graph import multiply_adds
from benchmarks.memory import pss
from scones.contract.layout import ML_ROOT_VARIABLE
from scones.steps.evaluate import run as run_evaluate

# A look takes 30 ms of the CPUs that the job works on.
_PAUSE = 2.0


@dataclass(frozen=True)
class Usage:
    """Wall seconds, and the peak of the memory of all its processes in MB of 10^6 bytes."""

    seconds: float
    megabytes: float


def measure(images: Images, variant: str, hyperparameters: dict[str, str], root: Path) -> dict[str, Any]:
    """Train into `root`/model and evaluate; returns the job's figures."""
    usage = train(images, hyperparameters, root)
    model = root / "model"
    metrics, about = (json.loads((model / name).read_text()) for name in ("metrics.json", "model.json"))
    return {
        "variant": variant,
        "seed": metrics["seed"],
        "job_seconds": usage.seconds,
        "fit_seconds": metrics["fit_seconds"],
        "peak_megabytes": usage.megabytes,
        "out_of_fold_accuracy": metrics["epochs"][-1]["validation_accuracy"],
        "certificates": about["certificates"],
        "multiply_adds": multiply_adds(model / "model.onnx"),
        **evaluations(images, model, root),
    }


def train(images: Images, hyperparameters: dict[str, str], root: Path) -> Usage:
    config = root / "input/config/hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"digest": images.manifest["digest"]} | hyperparameters))
    for channel in TRAINING:
        link(root / "input/data" / channel, images.staged / channel)
    return _run_train(root)


def evaluations(images: Images, model: Path, root: Path) -> dict[str, Any]:
    """What a folder as in model.tar.gz does on the test images and on the photographs; works below `root`."""
    return {
        "model_megabytes": (model / "model.onnx").stat().st_size / 1e6,
        "test": evaluate(model, images.staged / "test", images.others, root / "evaluate-test"),
        "photos": evaluate(model, images.photos, images.photos_of_others, root / "evaluate-photos"),
    }


def evaluate(model: Path, images: Path, others: Path, root: Path) -> dict[str, Any]:
    archive = root / "processing/input/model/model.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(model, ".")
    evaluation = run_evaluate(root, images, others)
    reliability = evaluation["reliability"]
    figures = {name: evaluation[name] for name in ("accuracy", "calibration_error")}
    return figures | {name: reliability[name] for name in ("brier", "acceptance", "novelty", "milliseconds")}


def _run_train(root: Path) -> Usage:
    """Run the image's `train` below `root`; ends the benchmark with the end of its log where it fails."""
    log, started = root / "train.log", time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scones.model", "train"],
            env=os.environ | {ML_ROOT_VARIABLE: str(root)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = watch(process)
    if process.returncode:
        sys.exit(f"train failed in {root}:\n{log.read_text()[-2000:]}")
    return Usage(round(time.monotonic() - started, 2), round(peak, 1))


def watch(process: subprocess.Popen[bytes]) -> float:
    """Wait for its end; returns the most memory that it and its processes had at once, in MB of 10^6 bytes."""
    peak = 0.0
    while True:
        try:
            process.wait(_PAUSE)
            return peak
        except subprocess.TimeoutExpired:
            # A process that ends while it is looked at is looked at no more the next time.
            with suppress(psutil.Error, OSError):
                peak = max(peak, pss(psutil.Process(process.pid)))
