"""The processing job: reads a model archive and the test images, writes `evaluation.json`. Without torch.

It measures only. Whether the model is good enough is decided by the release's gate.
"""

from __future__ import annotations

import tarfile
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import ClassScore, Evaluation, Interval, ModelDescription, Prediction
from scones.errors import ModelArtifactError
from scones.model.container import Container, cpus, write_json
from scones.model.evaluation import activation_maps, metrics, reliability
from scones.model.inference import dataset
from scones.model.inference.classifier import Answer, Classifier, accepted
from scones.model.inference.dataset import Dataset

# A model of the largest width has some 150 MB; only a damaged or malicious archive unpacks to more than this.
MAX_UNPACKED_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Scores:
    """The scores of the predicted classes; `confusion` [classes][classes] counts truth by prediction."""

    accuracy: Interval
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]
    calibration_error: float


def main(container: Container) -> None:
    """Evaluate a model, write the evaluation and print its accuracy.

    Raises ModelArtifactError if the archive is unusable, DataError if the test images are.
    """
    started = time.monotonic()
    classifier = load_classifier(container.model_archive)
    description = classifier.description
    classes = description["classes"]
    test = dataset.read(container.test_images, classes, description["size"], description["mean"], description["std"])
    negatives = container.test_negatives if container.test_negatives.is_dir() else None

    answer = classifier.answer(test.pixels)
    scores = score(test.labels, answer.probabilities, classes)
    predictions = list_predictions(test, answer, description)
    activation_maps.add_maps(predictions, classifier, test.pixels)
    measured = reliability.measure(classifier, test, answer, negatives)

    evaluation = Evaluation(
        classes=classes,
        accuracy=scores.accuracy,
        per_class=scores.per_class,
        confusion=scores.confusion,
        calibration_error=scores.calibration_error,
        predictions=predictions,
        model=classifier.id,
        seconds=round(time.monotonic() - started, 3),
        reliability=measured,
    )
    write_json(container.evaluation, evaluation)
    accuracy = evaluation["accuracy"]
    print(f"accuracy={accuracy['value']:.4f} low={accuracy['low']:.4f} high={accuracy['high']:.4f} n={accuracy['n']}")


def load_classifier(archive: Path) -> Classifier:
    """Load the model of a model.tar.gz. Raises ModelArtifactError."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder))
        # The classifier reads the files into memory, so that the folder can go.
        return Classifier(Path(folder), threads=cpus())


def score(labels: NDArray[np.int64], probabilities: NDArray[np.float64], classes: list[str]) -> Scores:
    """Score `probabilities` [n, classes] against the true `labels` [n]."""
    predicted = probabilities.argmax(axis=1)
    is_correct = predicted == labels
    confusion = metrics.confusion(labels, predicted, len(classes))
    per_class = {
        name: ClassScore(
            recall=metrics.wilson(int(confusion[label, label]), int(confusion[label].sum())),
            precision=metrics.precision(confusion, label),
        )
        for label, name in enumerate(classes)
    }
    return Scores(
        accuracy=metrics.wilson(int(is_correct.sum()), len(is_correct)),
        per_class=per_class,
        confusion=confusion.tolist(),
        calibration_error=metrics.expected_calibration_error(probabilities.max(axis=1), is_correct),
    )


def list_predictions(test: Dataset, answer: Answer, description: ModelDescription) -> list[Prediction]:
    """Return a prediction for each test image, in their order and without a map."""
    classes = description["classes"]
    predicted = answer.probabilities.argmax(axis=1)
    is_accepted = accepted(answer, description)
    return [
        Prediction(
            key=key,
            truth=classes[test.labels[index]],
            predicted=classes[predicted[index]],
            probabilities=answer.probabilities[index].tolist(),
            decision="accept" if is_accepted[index] else "review",
        )
        for index, key in enumerate(test.keys)
    ]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack model.tar.gz into `folder`.

    Raises ModelArtifactError if it is missing, damaged, larger than `MAX_UNPACKED_BYTES`, or has a path outside
    `folder`.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            size = 0
            for member in tar:
                # The header gives the size, so that a decompression bomb is rejected before anything is written.
                size += member.size
                if size > MAX_UNPACKED_BYTES:
                    raise ModelArtifactError(f"{archive.name} unpacks to over {MAX_UNPACKED_BYTES} bytes; train again")
                tar.extract(member, folder, filter="data")
    except FileNotFoundError as error:
        raise ModelArtifactError(f"there is no {archive}; give the job the model as its ProcessingInput") from error
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ModelArtifactError(f"{archive.name} cannot be unpacked ({error}); train again") from error
