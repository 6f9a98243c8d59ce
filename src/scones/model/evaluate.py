"""The processing job: a model archive and the held-out test set in, `evaluation.json` out; ONNX Runtime, never torch.

Runs in the container. It judges nothing: whether the figures are good enough is the release machine's gate.
"""

from __future__ import annotations

import tarfile
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scones.contract.release import ClassScore, Evaluation, Prediction
from scones.errors import ModelArtifactError
from scones.model.container import Container, cpus, write_json
from scones.model.evaluation import activation_maps, metrics, reliability
from scones.model.inference import dataset
from scones.model.inference.classifier import Classifier, accepted
from scones.model.inference.dataset import Dataset

UNPACKED_BYTES = 2 * 1024**3


def main(container: Container) -> None:
    """Raises ModelArtifactError for a bad archive and DataError for a bad test set."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        unpack(container.model_archive, Path(folder))
        classifier = Classifier(Path(folder), threads=cpus())
    about = classifier.description
    test = dataset.read(container.test_images, about["classes"], about["size"], about["mean"], about["std"])
    answer = classifier.answer(test.pixels)
    evaluation = score(test, about["classes"], answer.probabilities, classifier.id)
    for one, passed in zip(evaluation["predictions"], accepted(answer, about), strict=True):
        one["decision"] = "accept" if passed else "review"
    others = container.other_images if container.other_images.is_dir() else None
    activation_maps.add_maps(evaluation["predictions"], classifier, test.pixels)
    evaluation["reliability"] = reliability.measure(classifier, test, answer, others)
    evaluation["seconds"] = round(time.monotonic() - started, 3)
    write_json(container.evaluation, evaluation)
    accuracy = evaluation["accuracy"]
    print(f"accuracy={accuracy['value']:.4f} low={accuracy['low']:.4f} high={accuracy['high']:.4f} n={accuracy['n']}")


def score(test: Dataset, classes: list[str], probabilities: NDArray[np.float64], model: str) -> Evaluation:
    """Every figure of the evaluation, from probabilities [n, classes]; `seconds` is left at 0."""
    predicted = probabilities.argmax(axis=1)
    correct = predicted == test.labels
    counts = metrics.confusion(test.labels, predicted, len(classes))
    per_class = {
        name: ClassScore(
            recall=metrics.wilson(int(counts[label, label]), int(counts[label].sum())),
            precision=metrics.precision(counts, label),
        )
        for label, name in enumerate(classes)
    }
    predictions = [
        Prediction(key=key, truth=classes[truth], predicted=classes[guess], probabilities=row.tolist())
        for key, truth, guess, row in zip(test.keys, test.labels, predicted, probabilities, strict=True)
    ]
    return Evaluation(
        classes=classes,
        accuracy=metrics.wilson(int(correct.sum()), len(correct)),
        per_class=per_class,
        confusion=counts.tolist(),
        calibration_error=metrics.expected_calibration_error(probabilities.max(axis=1), correct),
        predictions=predictions,
        model=model,
        seconds=0.0,
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack model.tar.gz; raises ModelArtifactError where it is damaged, too large, or points outside `folder`."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            size = 0
            for member in tar:
                size += member.size
                if size > UNPACKED_BYTES:
                    raise ModelArtifactError(f"{archive.name} unpacks to over {UNPACKED_BYTES} bytes; train again")
                tar.extract(member, folder, filter="data")
    except FileNotFoundError as error:
        raise ModelArtifactError(f"there is no {archive}; give the job the model as its ProcessingInput") from error
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ModelArtifactError(f"{archive.name} cannot be unpacked ({error}); train again") from error
