"""Evaluate: measure a release's model on any labelled folder, on this machine.

Runs the container's own program as a child process, so that its numbers are those that a release's gate would see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scones.contract.layout import ML_ROOT_VARIABLE, MODELS, TEST_NEGATIVES
from scones.contract.release import Evaluation, Interval
from scones.errors import JobError
from scones.extras import require_extra
from scones.steps.dataset.source import PUBLISHED_SPLITS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MAX_REASON_CHARS = 500


def evaluate(images: Path, negatives: Path | None, release: str, *, bucket: str, s3: S3Client) -> Evaluation:
    """Return the evaluation of a release's model on a folder of images, as CLASS/* or {train,test}/CLASS/*.

    `negatives` is a folder of out-of-distribution images, as KIND/* or {train,test}/KIND/*. Of a folder with splits,
    only `test` is evaluated: the model may have been trained on the rest. Raises JobError with the program's reason if
    it fails, and UsageError if this machine lacks the packages of the model.
    """
    require_extra("serve", "`scones evaluate`")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        archive = root / "processing" / "input" / "model" / "model.tar.gz"
        archive.parent.mkdir(parents=True)
        s3.download_file(bucket, f"{MODELS}{release}/output/model.tar.gz", str(archive))
        return run(root, images, negatives)


def run(root: Path, images: Path, negatives: Path | None) -> Evaluation:
    """Run the container's `evaluate` on the model archive under a container's root, and return what it wrote.

    `images` and `negatives` as in `evaluate`. Raises JobError with the program's reason if it fails.
    """
    inputs = root / "processing" / "input"
    links = {inputs / "test": _test_split(images)}
    if negatives:
        links[inputs / TEST_NEGATIVES] = _test_split(negatives)
    for link, folder in links.items():
        link.symlink_to(folder.resolve())
    command = [sys.executable, "-m", "scones.model", "evaluate"]
    # The root is /opt/ml in the container, and cannot be created on every machine.
    environment = os.environ | {ML_ROOT_VARIABLE: str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        # A processing job puts the reason there, as its ExitMessage; a killed process has not written it.
        message = root / "output" / "message"
        reason = message.read_text(encoding="utf-8") if message.exists() else done.stderr[-_MAX_REASON_CHARS:]
        # The longer path first, because one may be the beginning of the other.
        for link in sorted(links, key=lambda link: len(str(link)), reverse=True):
            reason = reason.replace(str(link), str(links[link]))
        raise JobError(f"evaluate failed: {' '.join(reason.split())}")
    written = root / "processing" / "output" / "evaluation" / "evaluation.json"
    evaluation: Evaluation = json.loads(written.read_text(encoding="utf-8"))
    return evaluation


def _test_split(folder: Path) -> Path:
    """Return the part of a folder to evaluate: `test` if it has the published splits, otherwise all of it."""
    names = {child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")}
    return folder / "test" if names == PUBLISHED_SPLITS else folder


def summary(evaluation: Evaluation) -> list[dict[str, object]]:
    """Return the proportions of an evaluation as rows of a table, each with its 95 % interval."""
    intervals = {"accuracy": evaluation["accuracy"]}
    for name, score in evaluation["per_class"].items():
        intervals[f"recall of {name}"] = score["recall"]
    reliability = evaluation.get("reliability")
    if reliability:
        intervals["accepted"] = reliability["acceptance"]["coverage"]
        if reliability["acceptance"]["wrong"]:
            intervals["wrong among accepted"] = reliability["acceptance"]["wrong"]
        if reliability["novelty"]:
            intervals["out-of-distribution rejected"] = reliability["novelty"]["others_refused"]
    return [_row(measure, interval) for measure, interval in intervals.items()]


def _row(measure: str, interval: Interval) -> dict[str, object]:
    return {
        "measure": measure,
        "value": f"{interval['value']:.3f}",
        "low": f"{interval['low']:.3f}",
        "high": f"{interval['high']:.3f}",
        "n": interval["n"],
    }
