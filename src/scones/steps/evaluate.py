"""Evaluate: the newest release's model against any labelled folder, on this machine.

Runs the container's own program as a child process, so that the figures are those that a release's gate would see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scones.contract.layout import ML_ROOT_VARIABLE, MODELS, TEST_NEGATIVES
from scones.contract.release import Evaluation
from scones.errors import JobError
from scones.steps.run import gather


def evaluate(
    images: Path, others: Path | None, *, machine: str, bucket: str, stepfunctions: Any, s3: Any
) -> Evaluation:
    """`images` and `others` hold a folder for each class, and for each other thing.

    Raises NotReleasedError where no release has succeeded, and JobError with the program's own words where it fails.
    """
    released = gather.released(machine, stepfunctions=stepfunctions)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        archive = root / "processing" / "input" / "model" / "model.tar.gz"
        archive.parent.mkdir(parents=True)
        s3.download_file(bucket, f"{MODELS}{released['name']}/output/model.tar.gz", str(archive))
        return run(root, images, others)


def run(root: Path, images: Path, others: Path | None) -> Evaluation:
    """Run `evaluate` on the model archive that lies below a container's root; raises JobError."""
    given = root / "processing" / "input"
    (given / "test").symlink_to(images.resolve())
    if others:
        (given / TEST_NEGATIVES).symlink_to(others.resolve())
    command = [sys.executable, "-m", "scones.model", "evaluate"]
    done = subprocess.run(command, env=os.environ | {ML_ROOT_VARIABLE: str(root)}, capture_output=True, text=True)
    if done.returncode:
        reason = root / "output" / "message"
        words = reason.read_text(encoding="utf-8") if reason.exists() else done.stderr[-500:]
        raise JobError(f"evaluate failed: {' '.join(words.split())}")
    written = root / "processing" / "output" / "evaluation" / "evaluation.json"
    evaluation: Evaluation = json.loads(written.read_text(encoding="utf-8"))
    return evaluation


def summary(evaluation: Evaluation) -> list[dict[str, object]]:
    """The proportions of an evaluation, each with its interval, as rows for a person."""
    reliability = evaluation.get("reliability")
    rows = {"accuracy": evaluation["accuracy"]}
    rows |= {f"recall of {name}": score["recall"] for name, score in evaluation["per_class"].items()}
    if reliability:
        rows["accepted by the gate"] = reliability["acceptance"]["coverage"]
        if reliability["acceptance"]["wrong"]:
            rows["wrong among accepted"] = reliability["acceptance"]["wrong"]
        if reliability["novelty"]:
            rows["other things refused"] = reliability["novelty"]["others_refused"]
    return [
        {"measure": name} | {key: f"{row[key]:.3f}" for key in ("value", "low", "high")} | {"n": row["n"]}
        for name, row in rows.items()
    ]
