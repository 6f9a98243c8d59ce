"""Review answers become training data, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.release import Manifest
from scones.progress import Progress
from scones.steps.dataset.labels import MAX_LABELS, BadLabelError, parse_label, with_labels
from scones.steps.dataset.source import Source, find_source
from scones.steps.stage import stage

from ..conftest import Notes

Folder = Callable[..., Path]
Noise = Callable[..., bytes]
CLASSES = ("bicycle", "motorcycle")
KEY = f"labels/{'a' * 32}.json"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([*CLASSES, "neither", KEY, KEY[:-5]]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["image_key", "picture", "answer"]) | st.text(), inner)
    ),
    max_leaves=8,
)


def arrival(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


@pytest.fixture
def answer(s3: Any, bucket: str) -> Callable[..., str]:
    """Returns a function that stores one answer as `review` does, and returns the image's file name."""

    def put(number: int, answer: object, content: bytes, **changed: object) -> str:
        name = f"{arrival(number)}.jpg"
        label = {
            "answer": answer,
            "reviewer": "anna.smith",
            "answered_at": "2026-11-25T19:30:00+00:00",
            "arrival_id": arrival(number),
            "s3_key": "arrivals/ben.jones/camera.jpg",
            "image_key": f"labels/{name}",
            "model": "m1",
            "inferences": [0.5, 0.5],
        }
        s3.put_object(Bucket=bucket, Key=f"labels/{name}", Body=content)
        s3.put_object(Bucket=bucket, Key=f"labels/{arrival(number)}.json", Body=json.dumps(label | changed).encode())
        return name

    return put


@pytest.fixture
def staged(s3: Any, bucket: str, tmp_path: Path) -> Callable[..., Manifest]:
    """Returns a function that stages a folder with the bucket's labels."""

    def run(root: Path, seed: int = 0, progress: Progress | None = None) -> Manifest:
        (tmp_path / "labels").mkdir(exist_ok=True)
        source = with_labels(source_at(root), bucket, tmp_path / "labels", s3=s3, progress=progress or Progress())
        return stage(source, s3=s3, bucket=bucket, seed=seed).manifest

    return run


def source_at(root: Path) -> Source:
    return find_source(str(root), {}, root, Progress())


def test_an_answer_joins_its_class_and_neither_the_negatives(
    s3: Any, bucket: str, folder: Folder, noise: Noise, answer: Callable[..., str], staged: Callable[..., Manifest]
) -> None:
    root = folder("bicycle", "motorcycle")
    before = stage(source_at(root), s3=s3, bucket=bucket).manifest
    keys = {
        f"train/bicycle/{answer(1, 'bicycle', noise(7001, kind='JPEG'))}",
        f"train/motorcycle/{answer(2, 'motorcycle', noise(7002))}",
        f"negatives/neither/{answer(3, 'neither', noise(7003))}",
    }
    manifest = staged(root)
    assert manifest["digest"] != before["digest"]
    assert [i for i in manifest["images"] if i["key"] not in keys] == before["images"]
    assert {i["key"] for i in manifest["images"]} - {i["key"] for i in before["images"]} == keys
    assert manifest["source"] == f"{before['source']}, 3 labelled in review"
    assert manifest["counts"] == before["counts"] | {"train": {"bicycle": 8, "motorcycle": 8}}
    assert manifest["negatives"] == {"negatives": 1, "test-negatives": 0}
    for key in keys:
        body = s3.get_object(Bucket=bucket, Key=f"data/{manifest['digest']}/{key}")["Body"].read()
        assert {"key": key, "sha256": hashlib.sha256(body).hexdigest()} in manifest["images"]
    assert not any(name in json.dumps(manifest) for name in ("anna", "smith", "ben", "jones"))


@pytest.mark.parametrize("seed", range(5))
def test_a_label_is_never_in_validation_or_test(
    folder: Folder, noise: Noise, answer: Callable[..., str], staged: Callable[..., Manifest], seed: int
) -> None:
    names = [answer(n, ("bicycle", "neither")[n % 2], noise(7000 + n)) for n in range(8)]
    keys = [image["key"] for image in staged(folder("bicycle", "motorcycle"), seed)["images"]]
    assert sum(key.endswith(tuple(names)) for key in keys) == 8
    assert {key.partition("/")[0] for key in keys if key.endswith(tuple(names))} == {"train", "negatives"}


def test_a_label_of_a_source_image_is_left_out_and_changes_nothing(
    s3: Any, bucket: str, folder: Folder, noise: Noise, answer: Callable[..., str], staged: Callable[..., Manifest]
) -> None:
    root = folder("train/bicycle", "train/motorcycle", "test/bicycle", "test/motorcycle")
    before = stage(source_at(root), s3=s3, bucket=bucket).manifest
    for number in range(4):
        answer(number, "motorcycle", noise(1000 * number, mirror=True))
    manifest = staged(root)
    assert (manifest["digest"], manifest["source"]) == (before["digest"], before["source"])
    reasons = {manifest["left_out"][f"labels/motorcycle/{arrival(number)}.jpg"] for number in range(4)}
    assert reasons == {f"shows the same as {split}/{label}/000.png" for split in ("train", "test") for label in CLASSES}


def test_each_unusable_label_is_left_out_with_a_reason(
    s3: Any, bucket: str, folder: Folder, noise: Noise, answer: Callable[..., str], staged: Callable[..., Manifest]
) -> None:
    unreadable = answer(1, "bicycle", b"not an image")
    answer(2, "scooter", noise(7002))
    answer(3, "bicycle", noise(7003), image_key="data/secret.png")
    answer(4, "bicycle", noise(7004), padding="x" * 64 * 1024)
    s3.delete_object(Bucket=bucket, Key=f"labels/{answer(5, 'bicycle', noise(7005))}")
    twice = {f"labels/{label}/{answer(n, label, noise(7006))}" for n, label in ((6, "motorcycle"), (7, "bicycle"))}
    s3.put_object(
        Bucket=bucket, Key="labels/notes.json", Body=b'{"image_key": "labels/notes.png", "answer": "bicycle"}'
    )
    s3.put_object(Bucket=bucket, Key="labels/broken.json", Body=b"[" * 9000)
    s3.put_object(Bucket=bucket, Key="labels/README.txt", Body=b"not mine")
    manifest = staged(folder("bicycle", "motorcycle"))
    contradiction = "shows the same as an image of another class: "
    contradiction += ", ".join(sorted(twice, key=lambda key: Path(key).name))
    assert manifest["left_out"] == {
        f"labels/bicycle/{unreadable}": "it cannot be decoded as PNG, JPEG or WebP",
        f"labels/{arrival(2)}.json": "its answer must be one of bicycle, motorcycle, neither",
        f"labels/{arrival(3)}.json": "its image is not the copy beside it",
        f"labels/{arrival(4)}.json": f"labels/{arrival(4)}.json is larger than 64 KiB",
        f"labels/{arrival(5)}.json": f"labels/{arrival(5)}.jpg is not there",
        **dict.fromkeys(twice, contradiction),
        "labels/notes.json": "its name must be an arrival's id",
        "labels/broken.json": "it must be JSON with image_key and answer",
    }
    assert "review" not in manifest["source"].rpartition("/")[2]


def test_without_labels_the_source_is_staged_unchanged(
    s3: Any, bucket: str, folder: Folder, staged: Callable[..., Manifest]
) -> None:
    root, progress = folder("bicycle", "motorcycle"), Notes()
    manifest = staged(root, progress=progress)
    assert manifest == stage(source_at(root), s3=s3, bucket=bucket).manifest
    assert progress.noted == ["no labels yet: the answers that people give to `scones review` become labels"]


def test_a_downloaded_data_set_with_labels_can_be_staged_again(
    folder: Folder, noise: Noise, answer: Callable[..., str], staged: Callable[..., Manifest]
) -> None:
    root, image = folder("bicycle", "motorcycle"), noise(7001)
    name = answer(1, "bicycle", image)
    (root / "bicycle" / name).write_bytes(image)
    manifest = staged(root)
    assert manifest["left_out"] == {f"labels/{arrival(1)}.json": "the source has an image of the same name"}
    assert len({image["key"] for image in manifest["images"]}) == len(manifest["images"]) == 21


class EmptyLabels:
    """A fake S3 that lists any number of labels, none of which exists."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get_paginator(self, operation: str) -> EmptyLabels:
        return self

    def paginate(self, **arguments: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": f"labels/{n:032x}.json", "LastModified": -n} for n in range(self.count)]}]

    def get_object(self, Bucket: str, Key: str) -> Any:
        raise BadLabelError(f"{Key} is not there")


def test_of_too_many_labels_the_newest_are_used(folder: Folder, tmp_path: Path) -> None:
    progress = Notes()
    source = with_labels(source_at(folder("a", "b")), "b", tmp_path, s3=EmptyLabels(MAX_LABELS + 2), progress=progress)
    assert sorted(source.left_out) == [f"labels/{n:032x}.json" for n in range(MAX_LABELS)]
    assert progress.noted == ["using the newest 20,000 of 20,002 labels"]


@given(body=st.binary() | ANYTHING.map(lambda value: json.dumps(value).encode()), key=st.text() | st.just(KEY))
def test_any_object_is_a_label_or_has_a_reason(body: bytes, key: str) -> None:
    try:
        label = parse_label(body, key, CLASSES)
    except BadLabelError:
        return
    assert label["answer"] in (*CLASSES, "neither")
    assert label["image_key"].startswith(key.removesuffix(".json"))


@given(answer=st.sampled_from([*CLASSES, "neither"]), suffix=st.sampled_from(["", ".jpg", ".png", ".webp"]))
def test_a_label_of_review_is_parsed(answer: str, suffix: str) -> None:
    body = json.dumps({"image_key": KEY.removesuffix(".json") + suffix, "answer": answer, "reviewer": "anna"})
    assert parse_label(body.encode(), KEY, CLASSES) == {"image_key": f"labels/{'a' * 32}{suffix}", "answer": answer}


@pytest.mark.parametrize("suffix", ["/../x.png", ".png/..", "x.png", ".", "." + "a" * 300, ".p\u00e9"])
def test_an_image_key_outside_the_labels_is_rejected(suffix: str) -> None:
    body = json.dumps({"image_key": KEY.removesuffix(".json") + suffix, "answer": "bicycle"}).encode()
    with pytest.raises(BadLabelError, match="not the copy beside it"):
        parse_label(body, KEY, CLASSES)
