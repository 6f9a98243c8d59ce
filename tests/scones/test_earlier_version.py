"""Files that version 0.1.0 (commit 679a57d) wrote: its models still serve and its data sets still release.

`files/0.1.0/model.tar.gz` was trained on drawn circles and squares, as `model/conftest.py` draws them; `manifest.json`
was staged from 48 of the same.
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
    found: dict[str, object] = json.loads((FILES / "manifest.json").read_text())
    return found


def test_a_model_of_the_earlier_version_serves(tmp_path: Path) -> None:
    with tarfile.open(FILES / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert "digest" not in json.loads((tmp_path / "model.json").read_text())
    classifier = Classifier(tmp_path)
    size = classifier.description["size"]
    answer = classifier.answer(np.zeros((2, 3, size, size), np.float32))
    assert classifier.id.startswith("0.1.0+abababab.")
    assert answer.probabilities.sum(1) == pytest.approx([1, 1])


def test_a_data_set_of_the_earlier_version_releases(manifest: dict[str, object]) -> None:
    request = release_input(Settings(), manifest)  # type: ignore[arg-type]
    assert request["digest"] == manifest["digest"]
    assert request["channels"][0]["prefix"] == f"data/{manifest['digest']}/train/"
