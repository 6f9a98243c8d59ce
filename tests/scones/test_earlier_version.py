"""Files that version 0.1.0 (commit 679a57d) wrote: its models can still be served and its data sets released.

`files/0.1.0/model.tar.gz` was trained on circles and squares, drawn as in `model/conftest.py`; `manifest.json` is of a
data set with 48 of them.
"""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from scones.model.inference.classifier import Classifier
from scones.settings import Settings
from scones.steps.release import release_input

FILES = Path(__file__).parents[1] / "files" / "0.1.0"


@pytest.fixture
def manifest() -> dict[str, object]:
    document: dict[str, object] = json.loads((FILES / "manifest.json").read_text())
    return document


def test_a_model_of_an_earlier_version_can_be_served(tmp_path: Path) -> None:
    with tarfile.open(FILES / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert "digest" not in json.loads((tmp_path / "model.json").read_text())
    classifier = Classifier(tmp_path)
    size = classifier.description["size"]
    answer = classifier.answer(np.zeros((2, 3, size, size), np.float32))
    assert classifier.id.startswith("0.1.0+abababab.")
    assert answer.probabilities.sum(1) == pytest.approx([1, 1])


def test_a_data_set_of_an_earlier_version_can_be_released(manifest: dict[str, object]) -> None:
    request = release_input(Settings(), manifest)  # type: ignore[arg-type]
    assert request["digest"] == manifest["digest"]
    assert request["channels"][0]["prefix"] == f"data/{manifest['digest']}/train/"
