"""Pictures in, full answers out; knows neither HTTP nor the log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from scones.contract.delivery import Inference
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Answer, Classifier, accepted
from scones.model.inference.images import open_image

# Takes 10 ms or more to decode, for which a worker should not keep others waiting.
LARGE_PIXELS = 1_000_000


@dataclass(frozen=True)
class Picture:
    """A picture's file as it came; `id` is the caller's own, for the log."""

    body: bytes
    id: str = ""
    received: float = field(default_factory=time.perf_counter)

    @cached_property
    def image(self) -> ImageFile.ImageFile:
        """What its header says, without a pixel yet; raises ImageRejectedError."""
        return open_image(self.body)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:16]


def is_large(picture: Picture) -> bool:
    """Whether it takes long to decode; what cannot be read takes no time."""
    try:
        return picture.image.width * picture.image.height > LARGE_PIXELS
    except ImageRejectedError:
        return False


def predict(classifier: Classifier, pictures: Sequence[Picture]) -> list[Inference | ImageRejectedError]:
    """Answer all pictures in one batch; one that cannot be decoded gets its own error."""
    decoded = [_decoded(classifier, picture) for picture in pictures]
    pixels = [one for one in decoded if not isinstance(one, ImageRejectedError)]
    answers = iter(inferences(classifier, classifier.answer(classifier.inputs(pixels))) if pixels else ())
    return [one if isinstance(one, ImageRejectedError) else next(answers) for one in decoded]


def inferences(classifier: Classifier, answer: Answer) -> list[Inference]:
    """The full answers to [n] pictures; "accept" only what is familiar and certified, "review" for all else."""
    about = classifier.description
    return [
        Inference(
            labels=about["classes"],
            probabilities=probabilities,
            decision="accept" if passed else "review",
            label=about["classes"][label],
            thresholds=about["thresholds"],
            certificates=about["certificates"],
            novelty=novelty,
            novelty_cut=about["novelty_cut"],
            model=classifier.id,
        )
        for probabilities, label, novelty, passed in zip(
            answer.probabilities.tolist(),
            answer.probabilities.argmax(1).tolist(),
            answer.novelty.tolist(),
            accepted(answer, about).tolist(),
            strict=True,
        )
    ]


def _decoded(classifier: Classifier, picture: Picture) -> NDArray[np.uint8] | ImageRejectedError:
    try:
        return classifier.shrink(picture.image)
    except ImageRejectedError as error:
        return error
