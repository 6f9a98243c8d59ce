"""A trained model as `evaluate` and `serve` use it: model.onnx in ONNX Runtime, with model.json; never torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import ImageFile

from scones.contract.release import Certificate, ModelDescription
from scones.errors import ModelArtifactError
from scones.model.inference.images import normalise, open_image, shrink

_CHANNELS = 3
_BATCH = 256


@dataclass(frozen=True)
class Answer:
    """`probabilities` [n, classes]; `novelty` [n], above model.json's `novelty_cut` for what is none of the classes."""

    probabilities: NDArray[np.float64]
    novelty: NDArray[np.float64]


def accepted(answer: Answer, about: ModelDescription) -> NDArray[np.bool_]:
    """Which of the answers [n] the gate lets pass: familiar, and certified at that confidence in that class."""
    thresholds = np.asarray(about["thresholds"])[answer.probabilities.argmax(1)]
    confident = answer.probabilities.max(1) >= thresholds
    return np.asarray(confident & (answer.novelty <= about["novelty_cut"]))


class Classifier:
    """Loads the folder that model.tar.gz holds; raises ModelArtifactError. Safe to call from several threads.

    `id` is `<code version>+<digest of the data set>.<digest of model.onnx>`, digests cut to 8 characters. `threads`
    work on one call of `answer`.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        network = _read(folder / "model.onnx")
        self.description = parse_description(_read(folder / "model.json"))
        data = self.description["digest"][:8] or "none"
        weights = hashlib.sha256(network).hexdigest()[:8]
        self.id = f"{self.description['version']}+{data}.{weights}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads would otherwise burn the processor between requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A pattern for each size of batch leaves the arena in pieces, and it grows for longer.
        options.enable_mem_pattern = False
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
        image = np.zeros((1, _CHANNELS, side, side), np.float32)
        logits, novelty, maps = self._session.run(["logits", "novelty", "activation_map"], {"image": image})
        if logits.shape != (1, classes) or novelty.shape != (1,) or maps.shape[:2] != logits.shape:
            raise ValueError(f"{logits.shape[1:]} logits for {classes} classes")

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode one image into RGB [size, size, 3]; raises ImageRejectedError."""
        return self.shrink(open_image(data))

    def shrink(self, image: ImageFile.ImageFile) -> NDArray[np.uint8]:
        """The same for one that `open_image` has opened."""
        return shrink(image, self.description["size"])

    def inputs(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """What `decode` gave for n images -> [n, 3, size, size]."""
        return normalise(np.stack(pixels), self.description["mean"], self.description["std"])

    def answer(self, images: NDArray[np.float32]) -> Answer:
        """[n, 3, size, size] -> probabilities, the softmax of the logits over the temperature, and novelty."""
        batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        answers = [self._session.run(["logits", "novelty"], {"image": batch}) for batch in batches]
        logits, novelty = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        return Answer(softmax(logits.astype(np.float64) / self.description["temperature"]), novelty.astype(np.float64))

    def activation_maps(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, 3, size, size] -> [n, classes, side, side]: where in the picture the features of each class are."""
        batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        return np.concatenate([self._session.run(["activation_map"], {"image": batch})[0] for batch in batches])


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
    # Version 0.1.0 named the data set "manifest".
    value = {"digest": value.get("manifest"), **value}
    classes = value.get("classes")
    count = len(classes) if isinstance(classes, list) else 0
    checks = {
        "classes": count >= 2 and all(isinstance(name, str) for name in value["classes"]),
        "size": type(value.get("size")) is int and 1 <= value["size"] <= 1024,
        "mean": _are_numbers(value.get("mean"), _CHANNELS, -math.inf),
        "std": _are_numbers(value.get("std"), _CHANNELS, 0),
        "temperature": _are_numbers([value.get("temperature")], 1, 0),
        "thresholds": _are_numbers(value.get("thresholds"), count, -math.inf),
        "certificates": _are_certificates(value.get("certificates"), count),
        "novelty_cut": _are_numbers([value.get("novelty_cut")], 1, -math.inf),
        "digest": isinstance(value.get("digest"), str),
        "version": isinstance(value.get("version"), str),
    }
    if wrong := [name for name, right in checks.items() if not right]:
        raise ModelArtifactError(f"model.json has a wrong or missing {', '.join(wrong)}; train again")
    return cast(ModelDescription, {name: value[name] for name in checks})


def _are_certificates(values: object, count: int) -> bool:
    names = Certificate.__annotations__
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(v, dict) and _are_numbers([v.get(name) for name in names], len(names), -1) for v in values)
    )


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
