"""Training with several seeds on the official split, and other methods: measures them and prints issue 3's figures.

    make bench-train        (or: python -m benchmarks.train ../shared/data benchmarks/results/train.json --seeds 5)

All methods use the same staged training and test images; ours run as the processes that SageMaker would start.
Nothing is selected on the test images: their figures go into the tables only.
About 20 minutes on 2 idle cores with 5 seeds; --resnet152 takes half an hour more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import baselines, jobs, table
from benchmarks.data import Images, stage_images
from benchmarks.graph import round_to_int8
from benchmarks.machine import machine
from benchmarks.show import show

# The acceptance that the targets were set for; it does not follow the defaults.
ACCEPTANCE = {"alpha": "0.02", "delta": "0.05"}
VARIANTS: dict[str, dict[str, str]] = {"backbone": {}, "from scratch": {"backbone": "none"}}
# Two seeds are enough to show how far the network without a backbone is behind.
SEEDS_FROM_SCRATCH = 2
LIBRARIES = ("torch", "onnxruntime", "numpy", "scikit-learn", "scikit-image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with cifar100_bikes, cifar100_other and photos")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resnet152", action="store_true", help="train the course's network too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scones-benchmark-") as folder:
        result = benchmark(arguments.data, Path(folder), arguments.seeds, arguments.resnet152)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def benchmark(data: Path, folder: Path, seeds: int, resnet152: bool) -> dict[str, Any]:
    """Measure everything below `folder`; return the content of train.json."""
    started = time.monotonic()
    about = machine(LIBRARIES)
    images = stage_images(data, folder / "images")
    runs = {
        "backbone": [measure(images, "backbone", seed, folder) for seed in range(seeds)],
        "from scratch": [measure(images, "from scratch", s, folder) for s in range(min(seeds, SEEDS_FROM_SCRATCH))],
    }
    repeated = repeat(images, folder)
    int8 = [measure_int8(images, folder, seed) for seed in range(seeds)]
    methods = baselines.measure(images, 0, folder / "cache")
    if resnet152:
        methods.append(measure_resnet152(images))
    scratch = table.network_row("our network from scratch", runs["from scratch"])
    return {
        "machine": about,
        "data": describe(images),
        "table": {variant: table.summarise(variant_runs) for variant, variant_runs in runs.items()},
        "comparison": table.compare(table.network_row("ours", runs["backbone"]), [scratch, *methods]),
        "int8": table.compare_int8(runs["backbone"], int8),
        "identical_seed": repeated,
        "runs": runs,
        "seconds": round(time.monotonic() - started, 1),
    }


def job_folder(folder: Path, variant: str, seed: int) -> Path:
    """Return the folder of a training job."""
    return folder / variant.replace(" ", "-") / str(seed)


def measure(images: Images, variant: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train and evaluate a variant with one seed."""
    hyperparameters = ACCEPTANCE | VARIANTS[variant] | {"seed": str(seed)}
    figures = jobs.measure(images, variant, hyperparameters, job_folder(folder, variant, seed))
    accuracy = figures["test"]["accuracy"]["value"]
    photos = figures["photos"]["accuracy"]["value"]
    print(f"{variant}, seed {seed}: test {accuracy:.3f}, photos {photos:.3f}, {figures['job_seconds']} s", flush=True)
    return figures


def repeat(images: Images, folder: Path) -> dict[str, bool]:
    """Train seed 0 once more; return whether model.json and model.onnx are identical."""
    jobs.train(images, ACCEPTANCE | VARIANTS["backbone"] | {"seed": "0"}, folder / "repeat")
    models = [job / "model" for job in (job_folder(folder, "backbone", 0), folder / "repeat")]
    first, second = [(model / "model.json").read_bytes() for model in models]
    digests = {hashlib.sha256((model / "model.onnx").read_bytes()).digest() for model in models}
    return {"model.json": first == second, "model.onnx": len(digests) == 1}


def measure_int8(images: Images, folder: Path, seed: int) -> dict[str, Any]:
    """Evaluate a seed's network in int8, with the temperature, acceptance and novelty threshold of full precision."""
    job = job_folder(folder, "backbone", seed)
    rounded = round_to_int8(job / "model", images.staged / "train", job)
    return jobs.evaluations(images, rounded, job / "int8-evaluations")


def measure_resnet152(images: Images) -> dict[str, Any]:
    """Train the course's network in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.resnet152", str(images.staged), str(images.photos)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return answer


def describe(images: Images) -> dict[str, Any]:
    """Return the data set's digest and counts."""
    names = ("digest", "counts", "negatives", "left_out")
    return {"official split": "CIFAR-100", **{name: images.manifest[name] for name in names}}  # type: ignore[literal-required]


if __name__ == "__main__":
    main()
