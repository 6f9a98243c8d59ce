"""Unusable training data ends in the job's failure file, with the error's name and what to do."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from scones.model.__main__ import main
from scones.model.training import backbone
from scones.model.training.network import Network

Job = Callable[..., Path]
TINY = {"epochs": "1", "batch_size": "8", "size": "16", "width": "2", "folds": "2", "backbone": "none"}


def one_class(data: Path) -> None:
    shutil.rmtree(data / "train" / "square")


def three_images_of_a_class(data: Path) -> None:
    shutil.rmtree(data / "validation")
    for number in range(3, 12):
        (data / "train" / "square" / f"{number}.png").unlink()


def all_black(data: Path) -> None:
    for path in data.glob("*/square/*"):
        Image.new("RGB", (24, 24)).save(path)


def contradicting_duplicates(data: Path) -> None:
    shutil.copy(data / "train" / "circle" / "0.png", data / "train" / "square" / "copy.png")


def impossible_channels(data: Path) -> None:
    """A PNG whose header claims colour type 5, which the format does not have."""
    path = data / "train" / "circle" / "0.png"
    written = bytearray(path.read_bytes())
    written[25] = 5
    path.write_bytes(written)


def huge_backbone(data: Path) -> None:
    network = Network(2, 2)
    with torch.no_grad():
        for weights in network.features.parameters():
            weights.fill_(torch.inf)
    (data / "backbone").mkdir()
    backbone.save(network, data / "backbone" / "weights.npz")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (one_class, r"TooFewClassesError: .* 1 class folders \(circle\); give it two or more"),
        (three_images_of_a_class, "TooFewImagesError: class 'square' has 3 images; give it 10 or more"),
        (all_black, "BlankImagesError: all 18 images of class 'square' are of one colour; check the files"),
        (
            contradicting_duplicates,
            r"ContradictingLabelsError: circle/0\.png and square/copy\.png are the same image; remove one of them",
        ),
        (
            impossible_channels,
            r"TooManyBadImagesError: 1 of 24 images are unreadable; first circle/0\.png: .*stage again",
        ),
        (huge_backbone, "TrainingDivergedError: the loss is nan, not a finite number; lower learning_rate"),
    ],
)
def test_unusable_data_fails_the_job_with_a_reason(
    job: Job, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    root = job(tmp_path, TINY)
    damage(root / "input" / "data")
    assert main(["train"], {"SCONES_ML_ROOT": str(root)}) == 1
    failure = (root / "output" / "failure").read_text()
    assert failure.count("\n") == 1
    assert re.match(reason, failure), failure
    assert not (root / "model" / "model.json").exists()


def test_images_of_any_number_of_channels_are_usable(job: Job, tmp_path: Path) -> None:
    root = job(tmp_path, TINY)
    for number, mode in enumerate(("L", "LA", "RGBA", "P", "CMYK")):
        path = root / "input" / "data" / "train" / "circle" / f"{number}.png"
        Image.open(path).convert(mode).save(path, "JPEG" if mode == "CMYK" else "PNG")
    assert main(["train"], {"SCONES_ML_ROOT": str(root)}) == 0
