import io
from typing import Any

import pytest

from scones.contract.release import Evaluation, LabelIssue, Manifest, Outlier, Prediction
from scones.steps.run import thumbnails

KEYS = [
    "negatives/tractor/5.png",
    "test/bicycle/1.png",
    "test/motorcycle/2.png",
    "train/bicycle/1.png",
    "train/bicycle/3.png",
    "validation/motorcycle/4.png",
]


class Store:
    """S3 whose every object holds its own key."""

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Key.startswith("data/d1/")
        return {"Body": io.BytesIO(Key.encode()), "ContentType": "image/png"}


def manifest(*duplicates: list[str]) -> Manifest:
    return Manifest(
        digest="d1",
        source="tests",
        sketches=True,
        classes=["bicycle", "motorcycle"],
        counts={},
        negatives=1,
        images=[{"key": key, "sha256": ""} for key in KEYS],
        left_out={},
        duplicates=list(duplicates),
    )


def dataset(staged: Manifest) -> thumbnails.DatasetReader:
    s3: Any = Store()
    return thumbnails.DatasetReader("b", staged, s3)


def prediction(key: str, predicted: str, confidence: float, **looked: list[list[float]]) -> Prediction:
    truth = key.partition("/")[0]
    return {"key": key, "truth": truth, "predicted": predicted, "probabilities": [confidence, 1 - confidence]} | looked


def evaluation(*predictions: Prediction) -> Evaluation:
    return {"predictions": list(predictions)}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("name", "staged"),
    [
        ("test/bicycle/1.png", "test/bicycle/1.png"),
        ("train/bicycle/1.png", "train/bicycle/1.png"),
        ("train/motorcycle/4.png", "validation/motorcycle/4.png"),
        ("motorcycle/4.png", "validation/motorcycle/4.png"),
        ("negatives/tractor/5.png", "negatives/tractor/5.png"),
        ("labels/bicycle/1.png", "train/bicycle/1.png"),
        ("labels/tractor/5.png", "negatives/tractor/5.png"),
    ],
)
def test_a_group_is_shown_from_wherever_its_files_were_staged(name: str, staged: str) -> None:
    (group,) = thumbnails.duplicates(dataset(manifest([name, "train/bicycle/3.png"])))
    assert [image["caption"] for image in group] == [staged, "train/bicycle/3.png"]


def test_a_group_of_which_one_is_left_is_not_shown() -> None:
    assert thumbnails.duplicates(dataset(manifest(["train/bicycle/gone.png", "train/bicycle/3.png"]))) == []


def test_outliers_are_shown_with_their_novelty() -> None:
    listed = [
        Outlier(key="bicycle/3.png", label="bicycle", novelty=4.26),
        Outlier(key="bicycle/gone.png", label="bicycle", novelty=1),
    ]
    shown = thumbnails.outliers(dataset(manifest()), listed)
    assert [(image["label"], image["caption"]) for image in shown] == [("bicycle", "novelty 4.3")]


def test_label_issues_are_shown_with_their_labels_probability() -> None:
    listed = [
        LabelIssue(key="motorcycle/4.png", label="motorcycle", predicted="bicycle", probability=0.01),
        LabelIssue(key="tractor/5.png", label="neither", predicted="motorcycle", probability=0.2),
        LabelIssue(key="bicycle/3.png", label="bicycle", predicted="neither", probability=0.25),
        LabelIssue(key="motorcycle/gone.png", label="motorcycle", predicted="bicycle", probability=0.3),
    ]
    shown = thumbnails.label_issues(dataset(manifest()), listed)
    assert [(image["label"], image["caption"]) for image in shown] == [
        ("motorcycle", "predicted: bicycle; probability of the label 0.010"),
        ("tractor", "predicted: motorcycle; probability of the label 0.200"),
        ("bicycle", "predicted: neither; probability of the label 0.250"),
    ]


def test_wrong_images_come_with_their_maps_and_the_surest_first() -> None:
    evaluated = evaluation(
        prediction("bicycle/1.png", "bicycle", 0.9),
        prediction("motorcycle/2.png", "bicycle", 0.6),
        prediction("bicycle/1.png", "motorcycle", 0.2, map=[[1.0]]),
    )
    shown = thumbnails.wrong(dataset(manifest()), evaluated)
    assert [image["caption"] for image in shown] == [
        "predicted: motorcycle, confidence 0.800",
        "predicted: bicycle, confidence 0.600",
    ]
    assert [image.get("map") for image in shown] == [[[1.0]], None]


def test_the_least_certain_images_are_those_that_were_looked_at() -> None:
    evaluated = evaluation(
        prediction("bicycle/1.png", "bicycle", 0.9, map=[[0.5]]),
        prediction("bicycle/1.png", "bicycle", 0.55, map=[[0.1]]),
        prediction("bicycle/1.png", "bicycle", 0.99),
        prediction("motorcycle/2.png", "bicycle", 0.6, map=[[0.2]]),
    )
    assert [image["map"] for image in thumbnails.uncertain(dataset(manifest()), evaluated)] == [
        [[0.1]],
        [[0.5]],
    ]


def test_samples_are_of_every_class_and_of_training_images_alone() -> None:
    assert [image["caption"] for image in thumbnails.samples(dataset(manifest()))] == ["1.png", "3.png"]
