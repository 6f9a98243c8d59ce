from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import TooFewClassesError, TooFewImagesError
from scones.steps.dataset.duplicates import Fingerprint
from scones.steps.dataset.source import Role, SourceImage
from scones.steps.dataset.splits import Group, split_off_labels, split_off_negatives, split_vehicles
from scones.steps.dataset.validate import CheckedImage

EMPTY = Fingerprint("", np.empty((0, 0, 3), np.float32))


def image(label: str, name: object, split: str | None = None, role: Role = "vehicle") -> CheckedImage:
    source = SourceImage(split, label, f"{name}.png", b"", role)
    return CheckedImage(source, hashlib.sha256(source.key.encode()).hexdigest(), "image/png", EMPTY)


def singles(label: str, count: int, split: str | None = None, role: Role = "vehicle") -> list[Group]:
    return [[image(label, number, split, role)] for number in range(count)]


def keys(images: Group) -> set[str]:
    return {i.source.key for i in images}


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    """Two classes of 20 to 60 images, some of them in groups of up to three."""
    drawn: list[Group] = []
    for label in ("a", "b"):
        sizes = draw(st.lists(st.integers(1, 3), min_size=20, max_size=20))
        drawn += [[image(label, f"{n}-{copy}") for copy in range(size)] for n, size in enumerate(sizes)]
    return drawn


@given(groups=groups(), seed=st.integers(0, 100))
def test_every_image_is_in_one_split_and_groups_stay_together(groups: list[Group], seed: int) -> None:
    splits = split_vehicles(groups, ("a", "b"), seed).images
    everything = [key for images in splits.values() for key in keys(images)]
    assert sorted(everything) == sorted(key for group in groups for key in keys(group))
    assert all(sum(bool(keys(group) & keys(images)) for images in splits.values()) == 1 for group in groups)


@given(groups=groups(), seed=st.integers(0, 100))
def test_a_fifth_of_a_class_is_test_and_a_tenth_of_the_rest_validation(groups: list[Group], seed: int) -> None:
    splits = split_vehicles(groups, ("a", "b"), seed).images
    for label in ("a", "b"):
        train, validation, test = (
            sum(i.source.label == label for i in splits[s]) for s in ("train", "validation", "test")
        )
        assert test == pytest.approx(0.2 * (train + validation + test), abs=2)
        assert validation == pytest.approx(0.1 * (train + validation), abs=2)


@given(groups=groups(), seed=st.integers(0, 100), order=st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(groups: list[Group], seed: int, order: random.Random) -> None:
    shuffled = order.sample(groups, len(groups))
    first = split_vehicles(groups, ("a", "b"), seed).images
    second = split_vehicles(shuffled, ("a", "b"), seed).images
    assert {name: keys(images) for name, images in first.items()} == {
        name: keys(images) for name, images in second.items()
    }


def test_another_seed_gives_other_splits() -> None:
    groups = singles("a", 50) + singles("b", 50)
    assert keys(split_vehicles(groups, ("a", "b"), 0).images["test"]) != keys(
        split_vehicles(groups, ("a", "b"), 1).images["test"]
    )


def test_training_copies_of_published_test_images_are_left_out() -> None:
    groups = singles("a", 20, "train") + singles("b", 20, "train") + singles("b", 5, "test")
    groups += [[image("a", "original", "test"), image("a", "copy", "train")]]
    splits = split_vehicles(groups, ("a", "b"), 0)
    assert len(splits.images["test"]) == 6
    assert splits.left_out == {"train/a/copy.png": "shows the same as test/a/original.png"}
    assert [len(splits.images[split]) for split in ("train", "validation")] == [36, 4]


def test_copies_with_different_labels_are_all_left_out() -> None:
    groups = [*singles("a", 20), *singles("b", 20), [image("a", "x"), image("b", "y")]]
    splits = split_vehicles(groups, ("a", "b"), 0)
    assert splits.left_out.keys() == {"a/x.png", "b/y.png"}
    assert "another class: a/x.png, b/y.png" in splits.left_out["a/x.png"]


def test_a_published_test_set_keeps_copies_with_different_labels() -> None:
    contradiction = [image("a", "x", "test"), image("b", "y", "test"), image("b", "z", "train")]
    groups = [*singles("a", 20, "train"), *singles("b", 20, "train"), contradiction]
    splits = split_vehicles(groups, ("a", "b"), 0)
    assert keys(splits.images["test"]) == {"test/a/x.png", "test/b/y.png"}
    assert splits.left_out.keys() == {"train/b/z.png"}


def test_one_class_is_not_enough() -> None:
    with pytest.raises(TooFewClassesError, match="only one class"):
        split_vehicles(singles("a", 20), ("a",), 0)


@pytest.mark.parametrize("count", [0, 4])
def test_a_class_with_too_few_images_is_named(count: int) -> None:
    with pytest.raises(TooFewImagesError, match=f"class b has {count} good images"):
        split_vehicles(singles("a", 20) + singles("b", count), ("a", "b"), 0)


def test_a_class_of_copies_of_one_image_cannot_be_split() -> None:
    with pytest.raises(TooFewImagesError, match="no b is left"):
        split_vehicles([*singles("a", 20), [image("b", copy) for copy in range(20)]], ("a", "b"), 0)


def test_a_class_missing_in_the_published_test_set_is_named() -> None:
    with pytest.raises(TooFewImagesError, match="no b is left for test"):
        split_vehicles(singles("a", 9, "train") + singles("b", 9, "train") + singles("a", 3, "test"), ("a", "b"), 0)


def test_negatives_are_split_and_copies_of_vehicles_are_left_out() -> None:
    groups = [*singles("cup", 20, role="negative"), [image("a", 0, "train"), image("cup", "a", role="negative")]]
    vehicles, negatives = split_off_negatives(groups, seed=0)
    assert [keys(group) for group in vehicles] == [{"train/a/0.png"}]
    assert {split: len(images) for split, images in negatives.images.items()} == {"negatives": 16, "test-negatives": 4}
    assert negatives.left_out == {"negatives/cup/a.png": "shows the same as train/a/0.png"}


def test_a_published_test_set_of_negatives_stays_complete() -> None:
    copies = [image("cup", "copy", role="negative"), image("cup", "original", "test", "negative")]
    _, negatives = split_off_negatives([*singles("cup", 20, role="negative"), copies], seed=0)
    assert {split: len(images) for split, images in negatives.images.items()} == {"negatives": 20, "test-negatives": 1}
    assert negatives.left_out == {"negatives/cup/copy.png": "shows the same as test-negatives/cup/original.png"}


@st.composite
def labelled(draw: st.DrawFn) -> list[Group]:
    """Groups of source images, some with labels added, and groups of labels only."""
    answers = st.sampled_from(("a", "b", "neither"))
    source = [*draw(groups()), *singles("cup", 6, role="negative")]
    drawn = [
        [*group, *(image(draw(answers), f"{n}-{i}", role="label") for i in range(draw(st.integers(0, 1))))]
        for n, group in enumerate(source)
    ]
    sizes = draw(st.lists(st.integers(1, 3), max_size=8))
    drawn += [[image(draw(answers), f"new{n}-{i}", role="label") for i in range(size)] for n, size in enumerate(sizes)]
    return draw(st.permutations(drawn))


@given(groups=labelled(), seed=st.integers(0, 100))
def test_labels_change_nothing_but_the_training_data(groups: list[Group], seed: int) -> None:
    """Source images stay in their splits, and labels are never in validation or test."""

    def source_splits(groups: list[Group]) -> dict[str, set[str]]:
        vehicles, negatives = split_off_negatives(groups, seed)
        splits = split_vehicles(vehicles, ("a", "b"), seed).images | negatives.images
        return {name: keys(images) for name, images in splits.items()}

    source, labelled_splits = split_off_labels(groups)
    without_labels = [[image for image in group if image.source.role != "label"] for group in groups]
    assert source_splits(source) == source_splits([group for group in without_labels if group])
    assert labelled_splits.images.keys() == {"train", "negatives"}
    assert {i.source.label for i in labelled_splits.images["negatives"]} <= {"neither"}
    assert {i.source.label for i in labelled_splits.images["train"]} <= {"a", "b"}
    labels = {i.source.key for group in groups for i in group if i.source.role == "label"}
    used = keys(labelled_splits.images["train"]) | keys(labelled_splits.images["negatives"])
    assert used | labelled_splits.left_out.keys() == labels


@pytest.mark.parametrize("split", [None, "train", "test"])
@pytest.mark.parametrize("role", ["vehicle", "negative"])
def test_a_label_of_a_source_image_is_left_out(split: str | None, role: Role) -> None:
    own = image("a", "own", split, role)
    source, labelled_splits = split_off_labels([[image("b", 1, role="label"), own, image("a", 2, role="label")]])
    assert source == [[own]]
    assert labelled_splits.left_out == dict.fromkeys(
        ("labels/b/1.png", "labels/a/2.png"), f"shows the same as {own.source.key}"
    )


def test_only_labels_that_contradict_each_other_are_left_out() -> None:
    agree = [image("a", 1, role="label"), image("a", 2, role="label")]
    contradict = [image("a", 3, role="label"), image("neither", 4, role="label")]
    _, labelled_splits = split_off_labels([agree, contradict])
    assert keys(labelled_splits.images["train"]) == {"labels/a/1.png", "labels/a/2.png"}
    assert labelled_splits.left_out.keys() == {"labels/a/3.png", "labels/neither/4.png"}
    assert "another class: labels/a/3.png, labels/neither/4.png" in labelled_splits.left_out["labels/a/3.png"]
