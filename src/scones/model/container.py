"""The container's folders, and how a job ends: SageMaker's bring-your-own contract; no AWS call and no model here.

Sources: SageMaker's "How Amazon SageMaker Runs Your Training Image" and "Build Your Own Processing Container".
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from scones.contract.layout import TEST_NEGATIVES
from scones.errors import DataNotFoundError, HyperparameterError

FAILURE_CHARACTERS = 1024


@dataclass(frozen=True)
class Container:
    """Where the contract's files lie below `root`, which is /opt/ml on AWS."""

    root: Path

    @property
    def input(self) -> Path:
        return self.root / "input" / "data"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def model_archive(self) -> Path:
        return self.root / "processing" / "input" / "model" / "model.tar.gz"

    @property
    def test_images(self) -> Path:
        return self.root / "processing" / "input" / "test"

    @property
    def other_images(self) -> Path:
        return self.root / "processing" / "input" / TEST_NEGATIVES

    @property
    def evaluation(self) -> Path:
        return self.root / "processing" / "output" / "evaluation" / "evaluation.json"

    def channel(self, name: str) -> Path:
        """The folder of a training channel; raises DataNotFoundError."""
        folder = self.input / name
        if not folder.is_dir():
            raise DataNotFoundError(f"there is no channel '{name}' at {folder}; add it to the job's InputDataConfig")
        return folder

    def hyperparameters(self) -> dict[str, object]:
        """The job's hyperparameters as they came, none where the file is missing; raises HyperparameterError."""
        path = self.root / "input" / "config" / "hyperparameters.json"
        try:
            values = json.loads(path.read_bytes()) if path.exists() else {}
        except (ValueError, RecursionError) as error:
            raise HyperparameterError(f"{path} is not JSON ({error}); write an object of strings") from error
        if not isinstance(values, dict):
            raise HyperparameterError(f"{path} holds no object; write an object of strings")
        return values

    def write_failure(self, error: BaseException) -> str:
        """Write `ErrorName: message` where a training job (`failure`) and a processing job (`message`) report it."""
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:FAILURE_CHARACTERS]
        output = self.root / "output"
        output.mkdir(parents=True, exist_ok=True)
        for name in ("failure", "message"):
            (output / name).write_text(reason + "\n", encoding="utf-8")
        return reason


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def cpus() -> int:
    """The CPUs that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
