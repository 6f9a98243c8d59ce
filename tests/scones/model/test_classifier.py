import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import ModelArtifactError
from scones.model.classifier import Classifier, parse_description, softmax

RIGHT = {
    "classes": ["circle", "square"],
    "size": 16,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "temperature": 1.0,
    "thresholds": [0.8, 0.8],
    "manifest": "",
    "version": "1",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_what_train_wrote_is_loaded_with_an_id_that_names_code_data_and_weights(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    version, _, digests = classifier.id.partition("+")
    assert version == classifier.description["version"]
    assert digests.startswith("abababab.")
    assert len(digests) == 17


def test_probabilities_sum_to_one_and_do_not_depend_on_the_batch(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    images = np.random.default_rng(0).normal(size=(5, 3, 16, 16)).astype(np.float32)
    together = classifier.probabilities(images)
    assert together.sum(axis=1) == pytest.approx(np.ones(5))
    np.testing.assert_allclose(together[3:4], classifier.probabilities(images[3:4]), atol=1e-6)


def test_a_picture_and_its_mirror_image_are_the_same(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    image = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
    mirrored = np.ascontiguousarray(image[..., ::-1])
    np.testing.assert_allclose(classifier.probabilities(image), classifier.probabilities(mirrored), atol=1e-6)


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_missing_file_is_named(trained: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(ModelArtifactError, match=name):
        Classifier(folder)


def test_a_damaged_network_is_refused(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"no network")
    with pytest.raises(ModelArtifactError, match=r"model\.onnx is not what"):
        Classifier(folder)


def test_a_description_of_another_network_is_refused(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / "model.json").write_text(json.dumps(RIGHT | {"classes": ["a", "b", "c"], "thresholds": [0.8] * 3}))
    with pytest.raises(ModelArtifactError, match="logits for 3 classes"):
        Classifier(folder)


@pytest.mark.parametrize("name", RIGHT)
@given(value=json_values)
def test_a_wrong_field_is_named_or_the_description_is_valid(name: str, value: object) -> None:
    try:
        parsed = parse_description(json.dumps(RIGHT | {name: value}).encode())
    except ModelArtifactError as error:
        assert name in str(error) or name == "classes"  # noqa: PT017 - most values are refused, not all
        return
    assert len(parsed["thresholds"]) == len(parsed["classes"]) >= 2
    assert parsed["temperature"] > 0


@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_no_description(text: bytes) -> None:
    with pytest.raises(ModelArtifactError):
        parse_description(text)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=5))
def test_softmax_is_a_distribution_even_for_huge_logits(logits: list[float]) -> None:
    row = softmax(np.array([logits]))[0]
    assert row.sum() == pytest.approx(1)
    assert row.min() >= 0
