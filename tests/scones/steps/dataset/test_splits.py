from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import TooFewClassesError, TooFewImagesError
from scones.steps.dataset.duplicates import Fingerprint
from scones.steps.dataset.source import SourceImage
from scones.steps.dataset.splits import Group, assign, labels_apart, set_apart
from scones.steps.dataset.validate import CheckedImage

EMPTY = Fingerprint("", np.empty((0, 0, 3), np.float32))


def image(label: str, name: object, split: str | None = None) -> CheckedImage:
    sha256 = hashlib.sha256(f"{split}/{label}/{name}".encode()).hexdigest()
    return CheckedImage(SourceImage(split, label, f"{name}.png", b""), sha256, "image/png", EMPTY)


def alone(label: str, count: int, split: str | None = None) -> list[Group]:
    return [[image(label, number, split)] for number in range(count)]


def keys(images: Group) -> set[str]:
    return {i.image.key for i in images}


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    """Two classes of 20 to 60 images, some of them in groups of up to three."""
    found: list[Group] = []
    for label in ("a", "b"):
        sizes = draw(st.lists(st.integers(1, 3), min_size=20, max_size=20))
        found += [[image(label, f"{n}-{copy}") for copy in range(size)] for n, size in enumerate(sizes)]
    return found


@given(groups=groups(), seed=st.integers(0, 100))
def test_splits_are_disjoint_whole_and_never_part_a_group(groups: list[Group], seed: int) -> None:
    splits = assign(groups, ("a", "b"), seed).splits
    everything = [key for images in splits.values() for key in keys(images)]
    assert sorted(everything) == sorted(key for group in groups for key in keys(group))
    assert all(sum(bool(keys(group) & keys(images)) for images in splits.values()) == 1 for group in groups)


@given(groups=groups(), seed=st.integers(0, 100))
def test_each_class_gives_a_fifth_to_test_and_a_tenth_of_the_rest_to_validation(groups: list[Group], seed: int) -> None:
    splits = assign(groups, ("a", "b"), seed).splits
    for label in ("a", "b"):
        train, validation, test = (
            sum(i.image.label == label for i in splits[s]) for s in ("train", "validation", "test")
        )
        assert test == pytest.approx(0.2 * (train + validation + test), abs=2)
        assert validation == pytest.approx(0.1 * (train + validation), abs=2)


@given(groups=groups(), seed=st.integers(0, 100), order=st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(groups: list[Group], seed: int, order: random.Random) -> None:
    shuffled = order.sample(groups, len(groups))
    one, other = assign(groups, ("a", "b"), seed), assign(shuffled, ("a", "b"), seed)
    assert {s: keys(i) for s, i in one.splits.items()} == {s: keys(i) for s, i in other.splits.items()}


def test_another_seed_splits_otherwise() -> None:
    groups = alone("a", 50) + alone("b", 50)
    assert keys(assign(groups, ("a", "b"), 0).splits["test"]) != keys(assign(groups, ("a", "b"), 1).splits["test"])


def test_a_published_test_set_stays_whole_and_training_copies_of_it_are_left_out() -> None:
    groups = alone("a", 20, "train") + alone("b", 20, "train") + alone("b", 5, "test")
    groups += [[image("a", "original", "test"), image("a", "copy", "train")]]
    assignment = assign(groups, ("a", "b"), 0)
    assert len(assignment.splits["test"]) == 6
    assert assignment.left_out == {"train/a/copy.png": "shows the same as test/a/original.png"}
    assert [len(assignment.splits[split]) for split in ("train", "validation")] == [36, 4]


def test_copies_with_different_labels_are_all_left_out_with_the_reason() -> None:
    groups = [*alone("a", 20), *alone("b", 20), [image("a", "x"), image("b", "y")]]
    assignment = assign(groups, ("a", "b"), 0)
    assert assignment.left_out.keys() == {"a/x.png", "b/y.png"}
    assert "another class: a/x.png, b/y.png" in assignment.left_out["a/x.png"]


def test_copies_with_different_labels_leave_a_published_test_set_alone() -> None:
    contradiction = [image("a", "x", "test"), image("b", "y", "test"), image("b", "z", "train")]
    groups = [*alone("a", 20, "train"), *alone("b", 20, "train"), contradiction]
    assignment = assign(groups, ("a", "b"), 0)
    assert keys(assignment.splits["test"]) == {"test/a/x.png", "test/b/y.png"}
    assert assignment.left_out.keys() == {"train/b/z.png"}


def test_one_class_is_not_enough() -> None:
    with pytest.raises(TooFewClassesError, match="only one class"):
        assign(alone("a", 20), ("a",), 0)


@pytest.mark.parametrize("count", [0, 4])
def test_a_class_with_too_few_images_is_named(count: int) -> None:
    with pytest.raises(TooFewImagesError, match=f"class b has {count} good images"):
        assign(alone("a", 20) + alone("b", count), ("a", "b"), 0)


def test_a_class_of_nothing_but_copies_cannot_be_split() -> None:
    with pytest.raises(TooFewImagesError, match="no b is left"):
        assign([*alone("a", 20), [image("b", copy) for copy in range(20)]], ("a", "b"), 0)


def test_a_class_that_the_published_test_set_lacks_is_named() -> None:
    with pytest.raises(TooFewImagesError, match="no b is left for test"):
        assign(alone("a", 9, "train") + alone("b", 9, "train") + alone("a", 3, "test"), ("a", "b"), 0)


def test_of_other_things_a_fifth_is_for_the_test_and_a_vehicle_among_them_is_left_out() -> None:
    groups = [*alone("cup", 20, "negatives"), [image("a", 0, "train"), image("cup", "a", "negatives")]]
    vehicles, others = set_apart(groups, seed=0)
    assert [keys(group) for group in vehicles] == [{"train/a/0.png"}]
    assert {split: len(images) for split, images in others.splits.items()} == {"negatives": 16, "test-negatives": 4}
    assert others.left_out == {"negatives/cup/a.png": "shows the same as train/a/0.png"}


def test_a_published_test_set_of_other_things_stays_whole() -> None:
    copies = [image("cup", "copy", "negatives"), image("cup", "original", "test-negatives")]
    _, others = set_apart([*alone("cup", 20, "negatives"), copies], seed=0)
    assert {split: len(images) for split, images in others.splits.items()} == {"negatives": 20, "test-negatives": 1}
    assert others.left_out == {"negatives/cup/copy.png": "shows the same as test-negatives/cup/original.png"}


@st.composite
def labelled(draw: st.DrawFn) -> list[Group]:
    """Groups of the source to some of which people's labels are added, and groups of labels alone."""
    answers = st.sampled_from(("a", "b", "neither"))
    source = [*draw(groups()), *alone("cup", 6, "negatives")]
    found = [
        [*group, *(image(draw(answers), f"{n}-{i}", "labels") for i in range(draw(st.integers(0, 1))))]
        for n, group in enumerate(source)
    ]
    sizes = draw(st.lists(st.integers(1, 3), max_size=8))
    found += [[image(draw(answers), f"new{n}-{i}", "labels") for i in range(size)] for n, size in enumerate(sizes)]
    return draw(st.permutations(found))


@given(groups=labelled(), seed=st.integers(0, 100))
def test_labels_only_ever_add_to_what_is_learned(groups: list[Group], seed: int) -> None:
    """Nothing of the source moves, and validation and test are the same, whatever people answered."""

    def split(groups: list[Group]) -> dict[str, set[str]]:
        vehicles, others = set_apart(groups, seed)
        splits = assign(vehicles, ("a", "b"), seed).splits | others.splits
        return {name: keys(images) for name, images in splits.items()}

    source, taught = labels_apart(groups)
    alone = [[image for image in group if image.image.split != "labels"] for group in groups]
    assert split(source) == split([group for group in alone if group])
    assert taught.splits.keys() == {"train", "negatives"}
    assert {i.image.label for i in taught.splits["negatives"]} <= {"neither"}
    assert {i.image.label for i in taught.splits["train"]} <= {"a", "b"}
    labels = {i.image.key for group in groups for i in group if i.image.split == "labels"}
    assert keys(taught.splits["train"]) | keys(taught.splits["negatives"]) | taught.left_out.keys() == labels


@pytest.mark.parametrize("split", [None, "train", "test", "negatives", "test-negatives"])
def test_a_label_of_a_picture_that_the_source_has_is_left_out(split: str | None) -> None:
    own = image("a", "own", split)
    source, taught = labels_apart([[image("b", 1, "labels"), own, image("a", 2, "labels")]])
    assert source == [[own]]
    assert taught.left_out == dict.fromkeys(("labels/b/1.png", "labels/a/2.png"), f"shows the same as {own.image.key}")


def test_labels_of_one_picture_that_contradict_are_left_out_and_those_that_agree_are_not() -> None:
    agree = [image("a", 1, "labels"), image("a", 2, "labels")]
    contradict = [image("a", 3, "labels"), image("neither", 4, "labels")]
    _, taught = labels_apart([agree, contradict])
    assert keys(taught.splits["train"]) == {"labels/a/1.png", "labels/a/2.png"}
    assert taught.left_out.keys() == {"labels/a/3.png", "labels/neither/4.png"}
    assert "another class: labels/a/3.png, labels/neither/4.png" in taught.left_out["labels/a/3.png"]
