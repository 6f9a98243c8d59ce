"""Pictures in, full answers out, and a line in the prediction log for each; for several threads, and without HTTP."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from scones.contract import Inference
from scones.errors import ImageRejectedError
from scones.model.classifier import Answer, Classifier, accepted


@dataclass(frozen=True)
class Picture:
    """A picture's file as it came; `id` is the caller's own, for the log."""

    body: bytes
    id: str = ""
    received: float = field(default_factory=time.perf_counter)


def predict(classifier: Classifier, pictures: Sequence[Picture]) -> list[Inference | ImageRejectedError]:
    """Answer all pictures in one batch, and log each; one that cannot be decoded gets its own error."""
    decoded = [_decoded(classifier, picture.body) for picture in pictures]
    pixels = [one for one in decoded if not isinstance(one, ImageRejectedError)]
    answers = iter(inferences(classifier, classifier.answer(classifier.inputs(pixels))) if pixels else ())
    results = [one if isinstance(one, ImageRejectedError) else next(answers) for one in decoded]
    log([entry(classifier, *pair) for pair in zip(pictures, results, strict=True)])
    return results


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


def entry(classifier: Classifier, picture: Picture, result: Inference | ImageRejectedError) -> dict[str, object]:
    """What the prediction log says of one picture: nothing that shows it, enough to find it again."""
    found: dict[str, object] = (
        {"error": type(result).__name__, "message": str(result)}
        if isinstance(result, ImageRejectedError)
        else {"probabilities": result["probabilities"], "novelty": result["novelty"]}
    )
    return {
        "time": datetime.now(UTC).isoformat(),
        "model": classifier.id,
        "id": picture.id,
        "sha256": hashlib.sha256(picture.body).hexdigest()[:16],
        "bytes": len(picture.body),
        **found,
        "ms": round((time.perf_counter() - picture.received) * 1000, 2),
    }


def log(entries: Sequence[dict[str, object]]) -> None:
    """Write one line of JSON each to stdout, which SageMaker sends to CloudWatch, at one go."""
    sys.stdout.write("".join(f"{json.dumps(each)}\n" for each in entries))
    sys.stdout.flush()


def _decoded(classifier: Classifier, body: bytes) -> NDArray[np.uint8] | ImageRejectedError:
    try:
        return classifier.decode(body)
    except ImageRejectedError as error:
        return error
