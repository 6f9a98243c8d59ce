"""The in-process limit of serving: decoding, preparation and inference without HTTP."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from scones.model.container import cpus
from scones.model.inference.classifier import Classifier

BATCHES = (1, 4, 8, 16, 32)


def answer(classifier: Classifier, bodies: Sequence[bytes]) -> None:
    """Decode and classify a batch of encoded images."""
    classifier.answer(classifier.inputs([classifier.decode(body) for body in bodies]))


def throughput(folder: Path, images: Sequence[bytes], seconds: float) -> dict[str, float]:
    """Return the images per second of each variant: batch sizes on parallel threads, and one thread."""
    side_by_side = Classifier(folder)
    together = Classifier(folder, threads=cpus())
    ways = {f"{cpus()} threads, batches of {size}": (side_by_side, size, cpus()) for size in BATCHES}
    ways[f"1 thread with {cpus()} of ONNX Runtime's, batches of 16"] = (together, 16, 1)
    return {name: _rate(*way, images, seconds) for name, way in ways.items()}


def _rate(classifier: Classifier, size: int, threads: int, images: Sequence[bytes], seconds: float) -> float:
    batches = [images[start : start + size] for start in range(0, len(images) - size + 1, size)]
    started = time.perf_counter()

    def work(_: int) -> int:
        count = 0
        while time.perf_counter() - started < seconds:
            batch = batches[count % len(batches)]
            answer(classifier, batch)
            count += 1
        return count * size

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - started)


def lone(folder: Path, images: Sequence[bytes], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of single images, with one ONNX Runtime thread and with one per processor."""
    classifiers = {f"{threads} threads": Classifier(folder, threads=threads) for threads in sorted({1, cpus()})}
    return {
        name: [
            _milliseconds(lambda: answer(classifier, [image]))  # noqa: B023
            for _ in range(rounds)
            for image in images
        ]
        for name, classifier in classifiers.items()
    }


def full_decode(photograph: bytes, rounds: int) -> float:
    """Return the median milliseconds of decoding all pixels with Pillow."""
    return float(np.median([_milliseconds(lambda: Image.open(io.BytesIO(photograph)).load()) for _ in range(rounds)]))


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000
