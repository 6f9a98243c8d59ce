"""Predictions for images that were received. Knows neither HTTP nor the log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Answer, Classifier, accepted
from scones.model.inference.images import OpenedImage
from scones.model.serving.tracebacks import release_frames

# Such an image takes some milliseconds to decode, and a batch of them so long that a ping could come too late:
# SageMaker waits two seconds for its answer.
LARGE_PIXELS = 300_000
LARGE_DECODE_BYTES = 4 * LARGE_PIXELS
# The header of a long file can take as long.
LARGE_BODY_BYTES = 1024 * 1024


@dataclass
class ReceivedImage:
    """An image file as it was received. `id` is the caller's own, for the log; `received` is of `perf_counter`."""

    body: bytes
    id: str = ""
    received: float = field(default_factory=time.perf_counter)
    _opened: OpenedImage | None = None

    def open(self, classifier: Classifier) -> OpenedImage:
        """Return the image with its header read and no pixel decoded. Raises ImageRejectedError."""
        if self._opened is None:
            self._opened = classifier.open(self.body)
        return self._opened

    def decode(self, classifier: Classifier) -> NDArray[np.uint8]:
        """Decode the image into RGB [size, size, 3], and keep nothing of it. Raises ImageRejectedError."""
        opened = self.open(classifier)
        # The log keeps this object for some milliseconds, and Pillow's object its decoder's memory.
        self._opened = None
        return classifier.shrink(opened)

    @cached_property
    def sha256(self) -> str:
        """The first 16 hexadecimal digits of the file's SHA-256."""
        return hashlib.sha256(self.body).hexdigest()[:16]


OnResult = Callable[[Inference | Exception], None]


def is_large(classifier: Classifier, image: ReceivedImage) -> bool:
    """Return whether the image takes long to decode; a small file that cannot be read does not."""
    if len(image.body) > LARGE_BODY_BYTES:
        return True
    try:
        opened = image.open(classifier)
    except ImageRejectedError:
        return False
    return opened.pixels > LARGE_PIXELS or opened.decode_bytes > LARGE_DECODE_BYTES


def decode_bytes(classifier: Classifier, image: ReceivedImage) -> int:
    """Return the memory in bytes that decoding the image takes; 0 for a file that cannot be read."""
    try:
        return image.open(classifier).decode_bytes
    except ImageRejectedError:
        return 0


def predict(classifier: Classifier, images: Sequence[ReceivedImage]) -> list[Inference | ImageRejectedError]:
    """Return a result for each image, all from one batch; an image that cannot be decoded gets its own error."""
    decoded = [_decode(classifier, image) for image in images]
    pixels = [result for result in decoded if not isinstance(result, ImageRejectedError)]
    if not pixels:
        return [result for result in decoded if isinstance(result, ImageRejectedError)]
    answer = classifier.answer(classifier.inputs(pixels))
    answered = iter(inferences(classifier, answer))
    return [result if isinstance(result, ImageRejectedError) else next(answered) for result in decoded]


def inferences(classifier: Classifier, answer: Answer) -> list[Inference]:
    """Return the full answers for n images: "accept" if the classifier accepts the image, "review" otherwise."""
    description = classifier.description
    # JSON needs Python numbers; one call for each array converts them all.
    rows = zip(
        answer.probabilities.tolist(),
        answer.probabilities.argmax(1).tolist(),
        answer.novelty.tolist(),
        accepted(answer, description).tolist(),
        strict=True,
    )
    return [
        Inference(
            labels=description["classes"],
            probabilities=probabilities,
            decision="accept" if is_accepted else "review",
            label=description["classes"][label],
            thresholds=description["thresholds"],
            certificates=description["certificates"],
            novelty=novelty,
            novelty_cut=description["novelty_cut"],
            model=classifier.id,
        )
        for probabilities, label, novelty, is_accepted in rows
    ]


def _decode(classifier: Classifier, image: ReceivedImage) -> NDArray[np.uint8] | ImageRejectedError:
    try:
        return image.decode(classifier)
    except ImageRejectedError as error:
        release_frames(error)
        return error
