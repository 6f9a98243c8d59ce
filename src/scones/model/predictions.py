"""Pictures in, full answers out, and a line in the prediction log for each; for several processes, and without HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from scones.contract import Inference
from scones.errors import ImageRejectedError
from scones.model.classifier import Answer, Classifier, accepted
from scones.model.images import open_image

# Takes 10 ms or more to decode, for which a worker should not keep others waiting.
LARGE_PIXELS = 1_000_000
ID_CHARACTERS, MESSAGE_CHARACTERS = 64, 300


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


def log(model: str, pictures: Sequence[Picture], results: Sequence[Inference | Exception]) -> None:
    """Write one line of JSON for each picture to stdout, which SageMaker sends to CloudWatch.

    A line is never mixed with another process's.
    """
    lines = [f"{json.dumps(entry(model, *pair))}\n".encode() for pair in zip(pictures, results, strict=True)]
    for piece in pieces(lines):
        os.write(sys.stdout.fileno(), piece)


def entry(model: str, picture: Picture, result: Inference | Exception) -> dict[str, object]:
    """What the prediction log says of one picture: nothing that shows it, enough to find it again."""
    found: dict[str, object] = (
        {"error": type(result).__name__, "message": str(result)[:MESSAGE_CHARACTERS]}
        if isinstance(result, Exception)
        else {"probabilities": result["probabilities"], "novelty": result["novelty"]}
    )
    return {
        "time": datetime.now(UTC).isoformat(),
        "model": model,
        "id": picture.id[:ID_CHARACTERS],
        "sha256": picture.sha256,
        "bytes": len(picture.body),
        **found,
        "ms": round((time.perf_counter() - picture.received) * 1000, 2),
    }


def pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """As many lines together as a pipe takes at once."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece


def _decoded(classifier: Classifier, picture: Picture) -> NDArray[np.uint8] | ImageRejectedError:
    try:
        return classifier.shrink(picture.image)
    except ImageRejectedError as error:
        return error
