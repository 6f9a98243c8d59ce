"""One training job and its evaluations, run as the processes that SageMaker would start, and measured from outside.

`python -m scones.model train` and `evaluate` run in folders of their own; this module does not inspect the network.
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

# Reading the memory takes 30 ms of the CPUs that the job runs on, so it is read rarely.
_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Usage:
    """A job's wall time in seconds, and the peak memory of all its processes in MB (10^6 bytes)."""

    seconds: float
    megabytes: float


def measure(images: Images, variant: str, hyperparameters: dict[str, str], root: Path) -> dict[str, Any]:
    """Train into `root`/model and evaluate; return the job's figures."""
    usage = train(images, hyperparameters, root)
    model = root / "model"
    metrics = json.loads((model / "metrics.json").read_text())
    about = json.loads((model / "model.json").read_text())
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
    """Run the training job in `root`, which it lays out as SageMaker does; return what it used."""
    config = root / "input/config/hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"digest": images.manifest["digest"]} | hyperparameters))
    for channel in TRAINING:
        link(root / "input/data" / channel, images.staged / channel)
    return _run_train(root)


def evaluations(images: Images, model: Path, root: Path) -> dict[str, Any]:
    """Evaluate the model folder on the test images and on the photographs, in folders below `root`."""
    return {
        "model_megabytes": (model / "model.onnx").stat().st_size / 1e6,
        "test": evaluate(model, images.staged / "test", images.negatives, root / "evaluate-test"),
        "photos": evaluate(model, images.photos, images.photo_negatives, root / "evaluate-photos"),
    }


def evaluate(model: Path, images: Path, negatives: Path, root: Path) -> dict[str, Any]:
    """Run the evaluation job; return the figures that the tables use."""
    archive = root / "processing/input/model/model.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(model, ".")
    evaluation = run_evaluate(root, images, negatives)
    reliability = evaluation["reliability"]
    figures = {name: evaluation[name] for name in ("accuracy", "calibration_error")}
    return figures | {name: reliability[name] for name in ("brier", "acceptance", "novelty", "milliseconds")}


def _run_train(root: Path) -> Usage:
    """Run the image's `train` below `root`; exit with the end of its log if it fails."""
    log = root / "train.log"
    started = time.monotonic()
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
    """Wait until the process ends; return the peak memory of it and its children in MB (10^6 bytes)."""
    peak = 0.0
    while True:
        try:
            process.wait(_POLL_SECONDS)
            return peak
        except subprocess.TimeoutExpired:
            # A process may end while its memory is read; the next reading does not list it.
            with suppress(psutil.Error, OSError):
                peak = max(peak, pss(psutil.Process(process.pid)))
