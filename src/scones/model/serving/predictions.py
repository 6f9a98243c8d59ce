"""Predictions for images that were received. Knows neither HTTP nor the log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Answer, Classifier, accepted
from scones.model.inference.images import open_image

# Such an image takes 10 ms or more to decode; a worker should not keep other requests waiting for it.
LARGE_PIXELS = 1_000_000


@dataclass(frozen=True)
class ReceivedImage:
    """An image file as it was received. `id` is the caller's own, for the log; `received` is of `perf_counter`."""

    body: bytes
    id: str = ""
    received: float = field(default_factory=time.perf_counter)

    @cached_property
    def image(self) -> ImageFile.ImageFile:
        """The image with its header read and no pixel decoded. Raises ImageRejectedError."""
        return open_image(self.body)

    @cached_property
    def sha256(self) -> str:
        """The first 16 hexadecimal digits of the file's SHA-256."""
        return hashlib.sha256(self.body).hexdigest()[:16]


OnResult = Callable[[Inference | Exception], None]
Predict = Callable[[ReceivedImage, OnResult], None]


def is_large(image: ReceivedImage) -> bool:
    """Return whether the image takes long to decode; a file that cannot be read does not."""
    try:
        return image.image.width * image.image.height > LARGE_PIXELS
    except ImageRejectedError:
        return False


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
        return classifier.shrink(image.image)
    except ImageRejectedError as error:
        return error
