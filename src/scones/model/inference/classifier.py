"""A trained model for `evaluate` and `serve`: model.onnx in ONNX Runtime, and model.json. Without torch."""

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

from scones.contract.release import Certificate, ModelDescription
from scones.errors import ModelArtifactError
from scones.model.inference.images import OpenedImage, normalise, open_image, shrink

_CHANNELS = 3
# The first layer's output alone is 25 MB for 256 images of 32 pixels, so that a test set is not run at once.
_BATCH_SIZE = 256


@dataclass(frozen=True)
class Answer:
    """The model's output for n images.

    `probabilities` [n, classes] sum to 1. `novelty` [n] is above model.json's `novelty_cut` for images that are
    out-of-distribution.
    """

    probabilities: NDArray[np.float64]
    novelty: NDArray[np.float64]


def accepted(answer: Answer, description: ModelDescription) -> NDArray[np.bool_]:
    """Return a mask [n]: whether the confidence reaches its class's threshold and the novelty is within the cut."""
    thresholds = np.asarray(description["thresholds"])[answer.probabilities.argmax(1)]
    is_confident = answer.probabilities.max(1) >= thresholds
    return np.asarray(is_confident & (answer.novelty <= description["novelty_cut"]))


class Classifier:
    """Loads the content of model.tar.gz from a folder. Raises ModelArtifactError. Thread-safe.

    `threads` is the number of threads that work on one call of `answer`. `id` is
    `<code version>+<digest of the data set>.<digest of model.onnx>`, with digests of 8 characters.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        network = _read_file(folder / "model.onnx")
        self.description = parse_description(_read_file(folder / "model.json"))
        data_digest = self.description["digest"][:8] or "none"
        network_digest = hashlib.sha256(network).hexdigest()[:8]
        self.id = f"{self.description['version']}+{data_digest}.{network_digest}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Waiting threads would otherwise burn the processor between requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A memory pattern for each batch size fragments the arena, which then keeps growing.
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
        side = self.description["size"]
        classes = len(self.description["classes"])
        image = np.zeros((1, _CHANNELS, side, side), np.float32)
        logits, novelty, maps = self._session.run(["logits", "novelty", "activation_map"], {"image": image})
        if logits.shape != (1, classes) or novelty.shape != (1,) or maps.shape[:2] != logits.shape:
            raise ValueError(f"{logits.shape[1:]} logits for {classes} classes")

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode an image into RGB [size, size, 3]. Raises ImageRejectedError."""
        return self.shrink(self.open(data))

    def open(self, data: bytes) -> OpenedImage:
        """Read an image's header, and decode no pixel. Raises ImageRejectedError."""
        return open_image(data, self.description["size"])

    def shrink(self, image: OpenedImage) -> NDArray[np.uint8]:
        """Decode an opened image into RGB [size, size, 3] and close it. Raises ImageRejectedError."""
        return shrink(image, self.description["size"])

    def inputs(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return n decoded images as the network's input [n, 3, size, size]."""
        return normalise(np.stack(pixels), self.description["mean"], self.description["std"])

    def answer(self, images: NDArray[np.float32]) -> Answer:
        """Classify images [n, 3, size, size]; probabilities are the softmax of the logits over the temperature."""
        logits, novelty = self._run(["logits", "novelty"], images)
        probabilities = softmax(logits.astype(np.float64) / self.description["temperature"])
        return Answer(probabilities, novelty.astype(np.float64))

    def activation_maps(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a map [side, side] for each class and each image of [n, 3, size, size]: [n, classes, side, side]."""
        (maps,) = self._run(["activation_map"], images)
        return maps

    def _run(self, names: list[str], images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the network in batches and return the outputs of these names, each for all images."""
        starts = range(0, len(images), _BATCH_SIZE)
        batches = [self._session.run(names, {"image": images[start : start + _BATCH_SIZE]}) for start in starts]
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities [n, classes] of logits [n, classes]."""
    # Subtracting the maximum changes no quotient and keeps `exp` from overflowing.
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def parse_description(text: bytes) -> ModelDescription:
    """Parse and check model.json. Raises ModelArtifactError with the names of the fields that are wrong."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelArtifactError(f"model.json is not JSON ({error}); train again") from error
    if not isinstance(value, dict):
        raise ModelArtifactError("model.json is not a JSON object; train again")
    # Version 0.1.0 named the data set "manifest".
    value = {"digest": value.get("manifest"), **value}
    classes = value.get("classes")
    count = len(classes) if isinstance(classes, list) else 0
    # Checked by hand: pydantic, which checks such input elsewhere, is not in the container image.
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
    if wrong := [name for name, is_valid in checks.items() if not is_valid]:
        raise ModelArtifactError(f"model.json has a wrong or missing {', '.join(wrong)}; train again")
    return cast(ModelDescription, {name: value[name] for name in checks})


def _are_certificates(values: object, count: int) -> bool:
    names = Certificate.__annotations__
    return (
        isinstance(values, list)
        and len(values) == count
        and all(
            isinstance(value, dict) and _are_numbers([value.get(name) for name in names], len(names), -1)
            for value in values
        )
    )


def _are_numbers(values: object, count: int, above: float) -> bool:
    """Return whether `values` is a list of `count` finite numbers greater than `above`."""
    return (
        isinstance(values, list)
        and len(values) == count
        # `type` rather than `isinstance`, for which a boolean is an int.
        and all(type(value) in (int, float) and math.isfinite(value) and value > above for value in values)
    )


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelArtifactError(f"the model has no readable {path.name} ({error.strerror}); train again") from error
