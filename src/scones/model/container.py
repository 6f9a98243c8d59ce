"""The file layout inside the container, and how a job reports failure: SageMaker's bring-your-own-container contract.

Sources: SageMaker's "How Amazon SageMaker Runs Your Training Image" and "Build Your Own Processing Container".
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from scones.contract.layout import TEST_NEGATIVES
from scones.errors import DataNotFoundError, HyperparameterError

# SageMaker cuts a job's FailureReason after 1,024 characters.
MAX_FAILURE_CHARACTERS = 1024


@dataclass(frozen=True)
class Container:
    """The paths of the contract below `root`, which is /opt/ml on AWS."""

    root: Path

    @property
    def input(self) -> Path:
        """The folder of a training job's channels."""
        return self.root / "input" / "data"

    @property
    def model(self) -> Path:
        """The folder that a training job fills, and that an endpoint loads."""
        return self.root / "model"

    @property
    def model_archive(self) -> Path:
        """The model.tar.gz that a processing job evaluates."""
        return self.root / "processing" / "input" / "model" / "model.tar.gz"

    @property
    def test_images(self) -> Path:
        """The folder with the test images of a processing job, `<class>/<image>`."""
        return self.root / "processing" / "input" / "test"

    @property
    def test_negatives(self) -> Path:
        """The folder with a processing job's out-of-distribution images, `<kind>/<image>`; optional."""
        return self.root / "processing" / "input" / TEST_NEGATIVES

    @property
    def evaluation(self) -> Path:
        """The file that a processing job writes."""
        return self.root / "processing" / "output" / "evaluation" / "evaluation.json"

    def channel(self, name: str) -> Path:
        """Return the folder of a training channel. Raises DataNotFoundError if the job has no such channel."""
        folder = self.input / name
        if not folder.is_dir():
            raise DataNotFoundError(
                f"the channel '{name}' does not exist at {folder}; add it to the job's InputDataConfig"
            )
        return folder

    def hyperparameters(self) -> dict[str, object]:
        """Return the job's hyperparameters, unparsed; empty if the file is missing.

        Raises HyperparameterError if the file is not a JSON object.
        """
        path = self.root / "input" / "config" / "hyperparameters.json"
        try:
            values = json.loads(path.read_bytes()) if path.exists() else {}
        except (ValueError, RecursionError) as error:
            raise HyperparameterError(f"{path} is not JSON ({error}); write an object of strings") from error
        if not isinstance(values, dict):
            raise HyperparameterError(f"{path} is not a JSON object; write an object of strings")
        return values

    def write_failure(self, error: BaseException) -> str:
        """Write `ErrorName: message` in one line where SageMaker looks for a job's failure reason, and return it."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:MAX_FAILURE_CHARACTERS]
        output = self.root / "output"
        output.mkdir(parents=True, exist_ok=True)
        # A training job's reason is read from `failure`, a processing job's from `message`.
        for name in ("failure", "message"):
            (output / name).write_text(reason + "\n", encoding="utf-8")
        return reason


def write_json(path: Path, value: object) -> None:
    """Write a JSON file and the folders above it. Raises ValueError for NaN and infinity."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def cpus() -> int:
    """Return the number of CPUs that this process may use; in a container, it can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
