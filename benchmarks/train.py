"""Trains and evaluates with several seeds on the official split, prints the issue's table and writes it as JSON.

    make bench-train        (or: python benchmarks/train.py ../shared/data benchmarks/results/train.json)

Everything runs as the processes that SageMaker would start: `python -m scones.model train` and `evaluate`, in a folder
of their own. It chooses nothing: what it measures on the test images goes nowhere but into the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import onnx
import torch

OTHERS = "cifar100_other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with cifar100_bikes, cifar100_other and photos")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    variants: dict[str, dict[str, str]] = {"backbone": {}, "from scratch": {"backbone": "none"}}
    runs = [
        measure(arguments.data, name, {"seed": str(seed)} | changes)
        for name, changes in variants.items()
        for seed in range(arguments.seeds)
    ]
    table = {name: summarise(runs, name) for name in variants}
    result = {"machine": machine(), "runs": runs, "table": table}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    show(table)


def measure(data: Path, variant: str, hyperparameters: dict[str, str]) -> dict[str, Any]:
    """One training job and its evaluations, as figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_json(root / "input/config/hyperparameters.json", hyperparameters)
        link(root / "input/data/train", data / "cifar100_bikes/train")
        link(root / "input/data/negatives", data / OTHERS / "train")
        seconds, megabytes = run("train", root)
        metrics, model = (json.loads((root / "model" / name).read_text()) for name in ("metrics.json", "model.json"))
        figures = {
            "variant": variant,
            "seed": metrics["seed"],
            "job_seconds": seconds,
            "fit_seconds": metrics["fit_seconds"],
            "peak_megabytes": megabytes,
            "certificates": model["certificates"],
            "model_megabytes": (root / "model/model.onnx").stat().st_size / 1e6,
            "multiply_adds": multiply_adds(root / "model/model.onnx", model["size"]),
            "test": evaluate(root, "test", data / "cifar100_bikes/test", data / OTHERS / "test"),
        }
        photos = two_folders(root / "photos", data / "photos", model["classes"])
        return figures | {"photos": evaluate(root, "photos", photos, None)}


def evaluate(root: Path, name: str, images: Path, others: Path | None) -> dict[str, Any]:
    job = root / f"evaluate-{name}"
    archive = job / "processing/input/model/model.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root / "model", ".")
    link(job / "processing/input/test", images)
    if others:
        link(job / "processing/input/negatives", others)
    run("evaluate", job)
    evaluation = json.loads((job / "processing/output/evaluation/evaluation.json").read_text())
    trust = evaluation["trust"]
    return {
        "accuracy": evaluation["accuracy"],
        "calibration_error": evaluation["calibration_error"],
        "brier": trust["brier"],
        "acceptance": trust["acceptance"],
        "novelty": trust["novelty"],
        "milliseconds": trust["milliseconds"],
    }


def run(program: str, root: Path) -> tuple[float, float]:
    """Run one of the image's programs; returns its wall seconds and its peak memory in MB."""
    started = time.monotonic()
    with (root / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scones.model", program],
            env=os.environ | {"SCONES_ML_ROOT": str(root)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit((root / f"{program}.log").read_text()[-2000:])
    return round(time.monotonic() - started, 2), usage.ru_maxrss / 1000


def multiply_adds(path: Path, size: int) -> int:
    """Of one image: those of the convolutions and matrix products, counted in the exported graph."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in graph.value_info}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            _, _, height, width = shapes[node.output[0]]
            total += height * width * product(weights[node.input[1]])
        elif node.op_type == "Gemm":
            total += product(weights[node.input[1]])
    return total


def product(numbers: list[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def summarise(runs: list[dict[str, Any]], variant: str) -> dict[str, str]:
    """The mean of each figure over the seeds, with its least and greatest value."""
    mine = [one for one in runs if one["variant"] == variant]

    def spread(values: list[float], form: str) -> str:
        low, mean, high = min(values), statistics.fmean(values), max(values)
        return f"{mean:{form}} ({low:{form}} to {high:{form}})"

    def rate(interval: dict[str, float] | None) -> float:
        return interval["value"] if interval else 0.0

    return {
        "seeds": str(len(mine)),
        "accuracy": spread([one["test"]["accuracy"]["value"] for one in mine], ".3f"),
        "calibration error": spread([one["test"]["calibration_error"] for one in mine], ".3f"),
        "Brier score": spread([one["test"]["brier"] for one in mine], ".3f"),
        "gate: coverage": spread([one["test"]["acceptance"]["coverage"]["value"] for one in mine], ".3f"),
        "gate: wrong": spread([rate(one["test"]["acceptance"]["wrong"]) for one in mine], ".3f"),
        "neither refused": spread([one["test"]["novelty"]["others_refused"]["value"] for one in mine], ".3f"),
        "vehicles refused": spread([one["test"]["novelty"]["vehicles_refused"]["value"] for one in mine], ".3f"),
        "photos: accuracy": spread([one["photos"]["accuracy"]["value"] for one in mine], ".3f"),
        "photos: coverage": spread([one["photos"]["acceptance"]["coverage"]["value"] for one in mine], ".3f"),
        "photos: wrong": spread([rate(one["photos"]["acceptance"]["wrong"]) for one in mine], ".3f"),
        "one fit, s": spread([one["fit_seconds"] for one in mine], ".1f"),
        "whole job, s": spread([one["job_seconds"] for one in mine], ".1f"),
        "peak memory, MB": spread([one["peak_megabytes"] for one in mine], ".0f"),
        "model.onnx, MB": f"{mine[0]['model_megabytes']:.2f}",
        "multiply-adds": f"{mine[0]['multiply_adds']:,}",
        "one image, ms": spread([one["test"]["milliseconds"] for one in mine], ".2f"),
    }


def show(table: dict[str, dict[str, str]]) -> None:
    names = list(table)
    print(f"{'':20}" + "".join(f"{name:>28}" for name in names))
    for figure in table[names[0]]:
        print(f"{figure:20}" + "".join(f"{table[name][figure]:>28}" for name in names))


def machine() -> dict[str, str]:
    return {
        "cpus": str(len(os.sched_getaffinity(0))),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def two_folders(folder: Path, photos: Path, classes: list[str]) -> Path:
    """The photographs of the classes alone: `other` beside them is no class."""
    folder.mkdir()
    for name in classes:
        link(folder / name, photos / name)
    return folder


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target.resolve())


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


if __name__ == "__main__":
    main()
