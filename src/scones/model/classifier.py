"""A trained model as `evaluate` and `serve` use it: model.onnx in ONNX Runtime, with model.json; never torch."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scones.contract import ModelDescription
from scones.errors import ModelArtifactError
from scones.model.container import cpus
from scones.model.images import prepare

_CHANNELS = 3


class Classifier:
    """Loads the folder that model.tar.gz holds; raises ModelArtifactError. Safe to call from several threads.

    `id` is `<code version>+<manifest digest>.<digest of model.onnx>`, digests cut to 8 characters.
    """

    def __init__(self, folder: Path) -> None:
        network = _read(folder / "model.onnx")
        self.description = parse_description(_read(folder / "model.json"))
        manifest, digest = self.description["manifest"][:8] or "none", hashlib.sha256(network).hexdigest()[:8]
        self.id = f"{self.description['version']}+{manifest}.{digest}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cpus()
        # Waiting threads would otherwise burn the processor between requests, and the arena keep what a batch took.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
            self._check_shapes()
        # The exception classes of ONNX Runtime are private to its native module.
        except Exception as error:
            raise ModelArtifactError(
                f"model.onnx is not what `train` writes ({str(error)[:200]}); train again"
            ) from error

    def _check_shapes(self) -> None:
        side, classes = self.description["size"], len(self.description["classes"])
        logits = self._session.run(["logits"], {"image": np.zeros((1, _CHANNELS, side, side), np.float32)})[0]
        if logits.shape != (1, classes):
            raise ValueError(f"{logits.shape[1:]} logits for {classes} classes")

    def prepare(self, data: bytes) -> NDArray[np.float32]:
        """Decode one image into the input [3, size, size]; raises ImageRejectedError."""
        return prepare(data, self.description["size"], self.description["mean"], self.description["std"])

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, 3, size, size] -> [n, classes]: softmax of the logits over the temperature (Guo et al. 2017)."""
        logits = self._session.run(["logits"], {"image": images})[0].astype(np.float64)
        return softmax(logits / self.description["temperature"])


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def parse_description(text: bytes) -> ModelDescription:
    """Read model.json; raises ModelArtifactError, naming the field that is wrong."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelArtifactError(f"model.json is not JSON ({error}); train again") from error
    if not isinstance(value, dict):
        raise ModelArtifactError("model.json holds no object; train again")
    classes = value.get("classes")
    count = len(classes) if isinstance(classes, list) else 0
    checks = {
        "classes": count >= 2 and all(isinstance(name, str) for name in value["classes"]),
        "size": type(value.get("size")) is int and 1 <= value["size"] <= 1024,
        "mean": _are_numbers(value.get("mean"), _CHANNELS, -math.inf),
        "std": _are_numbers(value.get("std"), _CHANNELS, 0),
        "temperature": _are_numbers([value.get("temperature")], 1, 0),
        "thresholds": _are_numbers(value.get("thresholds"), count, -math.inf),
        "manifest": isinstance(value.get("manifest"), str),
        "version": isinstance(value.get("version"), str),
    }
    if wrong := [name for name, right in checks.items() if not right]:
        raise ModelArtifactError(f"model.json has a wrong or missing {', '.join(wrong)}; train again")
    return cast(ModelDescription, {name: value[name] for name in checks})


def _are_numbers(values: object, count: int, above: float) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(type(x) in (int, float) and math.isfinite(x) and x > above for x in values)
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelArtifactError(f"the model has no readable {path.name} ({error.strerror}); train again") from error
