import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import ModelArtifactError
from scones.model.inference.classifier import Answer, Classifier, accepted, parse_description, softmax
from scones.model.uncertainty.acceptance import ACCEPT_NOTHING

CERTIFICATE = {
    "alpha": 0.02,
    "delta": 0.025,
    "threshold": 0.8,
    "accepted": 400,
    "wrong": 1,
    "bound": 0.0138,
    "coverage": 0.9,
}
DESCRIPTION = {
    "classes": ["circle", "square"],
    "size": 16,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "temperature": 1.0,
    "thresholds": [0.8, 0.8],
    "certificates": [CERTIFICATE, CERTIFICATE],
    "novelty_cut": -1.0,
    "digest": "",
    "version": "1",
}
THREE_CLASSES = {"classes": ["a", "b", "c"], "thresholds": [0.8] * 3, "certificates": [CERTIFICATE] * 3}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_the_id_names_the_code_the_data_and_the_weights(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    version, _, digests = classifier.id.partition("+")
    assert version == classifier.description["version"]
    assert digests.startswith("abababab.")
    assert len(digests) == 17


def test_probabilities_sum_to_1_and_do_not_depend_on_the_batch(trained: Path) -> None:
    classifier = Classifier(trained / "model")
    images = np.random.default_rng(0).normal(size=(5, 3, 16, 16)).astype(np.float32)
    together = classifier.answer(images)
    alone = classifier.answer(images[3:4])
    assert together.probabilities.sum(axis=1) == pytest.approx(np.ones(5))
    np.testing.assert_allclose(together.probabilities[3:4], alone.probabilities, atol=1e-6)
    np.testing.assert_allclose(together.novelty[3:4], alone.novelty, atol=1e-5)


@given(st.floats(0.5, 1), st.floats(-5, 5))
def test_only_confident_and_familiar_images_are_accepted(confidence: float, novelty: float) -> None:
    answer = Answer(np.array([[1 - confidence, confidence]]), np.array([novelty]))
    description = parse_description(json.dumps(DESCRIPTION | {"thresholds": [0.5, 0.9]}).encode())
    assert accepted(answer, description).tolist() == [
        novelty <= -1 and confidence >= (0.9 if confidence > 0.5 else 0.5)
    ]


def test_a_class_without_a_certificate_is_never_accepted() -> None:
    description = parse_description(json.dumps(DESCRIPTION | {"thresholds": [ACCEPT_NOTHING, 0.5]}).encode())
    certain = Answer(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([-9.0, -9.0]))
    assert accepted(certain, description).tolist() == [False, True]


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_missing_file_is_named(trained: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(ModelArtifactError, match=name):
        Classifier(folder)


def test_a_damaged_network_is_rejected(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"no network")
    with pytest.raises(ModelArtifactError, match=r"model\.onnx is not what"):
        Classifier(folder)


def test_a_description_of_another_network_is_rejected(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    (folder / "model.json").write_text(json.dumps(DESCRIPTION | THREE_CLASSES))
    with pytest.raises(ModelArtifactError, match="logits for 3 classes"):
        Classifier(folder)


@pytest.mark.parametrize("name", DESCRIPTION)
@given(value=json_values)
def test_a_wrong_field_is_named_or_the_description_is_valid(name: str, value: object) -> None:
    try:
        parsed = parse_description(json.dumps(DESCRIPTION | {name: value}).encode())
    except ModelArtifactError as error:
        assert name in str(error) or name == "classes"  # noqa: PT017 - most values are rejected, not all
        return
    assert len(parsed["thresholds"]) == len(parsed["classes"]) >= 2
    assert parsed["temperature"] > 0


@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_other_content_is_rejected(text: bytes) -> None:
    with pytest.raises(ModelArtifactError):
        parse_description(text)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=5))
def test_softmax_is_a_distribution_even_for_huge_logits(logits: list[float]) -> None:
    row = softmax(np.array([logits]))[0]
    assert row.sum() == pytest.approx(1)
    assert row.min() >= 0
