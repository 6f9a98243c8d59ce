"""The step against a model that the container's own program trained, and against clients that hold it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scones.errors import JobError
from scones.steps.dataset.sketches import draw, png
from scones.steps.evaluate import evaluate, summary

TINY = {"epochs": "1", "size": "16", "width": "2", "folds": "2", "backbone": "none"}


class Bucket:
    def __init__(self, archive: bytes) -> None:
        self.archive = archive
        self.asked: list[tuple[str, str]] = []

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.asked.append((bucket, key))
        Path(path).write_bytes(self.archive)


def images(folder: Path, count: int, seed: int) -> Path:
    for name in ("bicycle", "motorcycle"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.png").write_bytes(png(draw(name, seed + number)))
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("trained")
    (root / "input/config").mkdir(parents=True)
    (root / "input/config/hyperparameters.json").write_text(json.dumps(TINY))
    images(root / "input/data/train", 10, 0)
    environment = os.environ | {"SCONES_ML_ROOT": str(root)}
    subprocess.run([sys.executable, "-m", "scones.model", "train"], env=environment, check=True, capture_output=True)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.add(root / "model", ".")
    return file.getvalue()


def test_a_labelled_folder_is_measured_with_a_releases_model(archive: bytes, tmp_path: Path) -> None:
    bucket = Bucket(archive)
    folder = images(tmp_path / "mine", 3, 100)
    negatives = images(tmp_path / "negatives", 2, 200)
    measured = evaluate(folder, negatives, "scones-1", bucket="b", s3=bucket)
    assert bucket.asked == [("b", "models/scones-1/output/model.tar.gz")]
    assert measured["accuracy"]["n"] == 6
    rows = {row["measure"]: row for row in summary(measured)}
    assert rows["out-of-distribution rejected"]["n"] == 4
    assert rows["recall of motorcycle"]["n"] == 3


def test_a_failure_has_the_reason_that_the_program_wrote(archive: bytes, tmp_path: Path) -> None:
    folder = images(tmp_path / "mine", 1, 0)
    (folder / "bicycle/0.png").write_bytes(b"not an image")
    with pytest.raises(JobError, match="TooManyBadImagesError: 1 of 2 images are unreadable"):
        evaluate(folder, None, "r", bucket="b", s3=Bucket(archive))


def test_of_a_folder_with_splits_the_test_images_are_measured(archive: bytes, tmp_path: Path) -> None:
    images(tmp_path / "mine" / "train", 4, 100)
    images(tmp_path / "mine" / "test", 3, 200)
    images(tmp_path / "negatives" / "train", 4, 300)
    images(tmp_path / "negatives" / "test", 1, 400)
    measured = evaluate(tmp_path / "mine", tmp_path / "negatives", "r", bucket="b", s3=Bucket(archive))
    assert measured["accuracy"]["n"] == 6
    assert {row["measure"]: row["n"] for row in summary(measured)}["out-of-distribution rejected"] == 2


def test_a_failure_names_the_folders_as_they_were_given(archive: bytes, tmp_path: Path) -> None:
    folder = images(tmp_path / "mine", 1, 0)
    (folder / "car").mkdir()
    with pytest.raises(JobError, match=f"{folder} has images of car, which the model does not know"):
        evaluate(folder, None, "r", bucket="b", s3=Bucket(archive))
    (folder / "car").rmdir()
    (tmp_path / "empty").mkdir()
    with pytest.raises(JobError, match=f"{tmp_path / 'empty'} has no folder of images"):
        evaluate(folder, tmp_path / "empty", "r", bucket="b", s3=Bucket(archive))
