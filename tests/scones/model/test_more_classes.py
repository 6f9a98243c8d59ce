"""Three classes, and ten: training, evaluation and serving are the same as for two."""

import colorsys
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scones.errors import ImageRejectedError
from scones.model import evaluate, train
from scones.model.container import Container
from scones.model.inference.classifier import Classifier
from scones.model.serving.predictions import ReceivedImage, predict

QUICK = {
    "epochs": "6",
    "batch_size": "16",
    "size": "16",
    "width": "8",
    "folds": "2",
    "backbone": "none",
    "alpha": "0.3",
}


def draw(folder: Path, classes: int, count: int, seed: int) -> Path:
    """Draw squares on noise, in a hue for each class."""
    rng = np.random.default_rng(seed)
    for label in range(classes):
        (folder / f"hue{label}").mkdir(parents=True)
        colour = np.array(colorsys.hsv_to_rgb(label / classes, 1, 1)) * 255
        for number in range(count):
            pixels = rng.integers(100, 156, (16, 16, 3)).astype(np.uint8)
            top, left = rng.integers(0, 6, 2)
            pixels[top : top + 10, left : left + 10] = colour
            Image.fromarray(pixels).save(folder / f"hue{label}" / f"{number}.png")
    return folder


@pytest.mark.parametrize(("classes", "count"), [(3, 40), (10, 20)])
def test_any_number_of_classes_is_trained_evaluated_and_served(tmp_path: Path, classes: int, count: int) -> None:
    root = tmp_path / "train"
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(QUICK))
    draw(root / "input" / "data" / "train", classes, count, 1)
    train.main(Container(root))

    job = Container(tmp_path / "evaluate")
    job.model_archive.parent.mkdir(parents=True)
    with tarfile.open(job.model_archive, "w:gz") as tar:
        tar.add(root / "model", ".")
    draw(job.test_images, classes, 6, 2)
    evaluate.main(job)
    evaluation = json.loads(job.evaluation.read_text())
    assert np.shape(evaluation["confusion"]) == (classes, classes)
    assert evaluation["accuracy"]["value"] >= 0.7
    assert evaluation["reliability"]["acceptance"]["coverage"]["value"] > 0
    assert evaluation["reliability"]["acceptance"]["wrong"]["value"] <= 0.3

    classifier = Classifier(root / "model")
    names = [f"hue{label}" for label in range(classes)]
    assert [certificate["delta"] for certificate in classifier.description["certificates"]] == [
        0.05 / classes
    ] * classes
    body = (job.test_images / names[-1] / "0.png").read_bytes()
    answer = predict(classifier, [ReceivedImage(body)])[0]
    assert not isinstance(answer, ImageRejectedError)
    assert (answer["labels"], len(answer["probabilities"])) == (names, classes)
    assert answer["label"] in names
