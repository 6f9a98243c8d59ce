"""Splits checked images into train, validation, test and negatives, so that no scene is in two of them.

Pure. The draw depends only on a hash of the images' own bytes and the seed: the order of the input does not matter,
and an additional image moves few others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scones.contract.layout import NEGATIVES, NEITHER, SPLITS, TEST_NEGATIVES
from scones.errors import TooFewClassesError, TooFewImagesError
from scones.steps.dataset.validate import CheckedImage

TEST_SHARE: Final = 0.2
VALIDATION_SHARE: Final = 0.1
MIN_IMAGES_PER_CLASS: Final = 5

# Near-equal images; most groups hold one image.
Group = list[CheckedImage]


@dataclass(frozen=True)
class Splits:
    """`images` is split -> its images, `left_out` is key -> reason."""

    images: dict[str, list[CheckedImage]]
    left_out: dict[str, str]


def split(groups: Sequence[Group], classes: Sequence[str], seed: int) -> Splits:
    """Return every image of `groups` in `train`, `validation`, `test`, `negatives`, `test-negatives` or `left_out`.

    Raises TooFewClassesError if there are fewer than two classes, TooFewImagesError if a class cannot be split.
    """
    unlabelled, labels = split_off_labels(groups)
    vehicle_groups, negatives = split_off_negatives(unlabelled, seed)
    vehicles = split_vehicles(vehicle_groups, classes, seed)
    parts = (vehicles, negatives, labels)
    images = {
        name: [image for part in parts for image in part.images.get(name, ())]
        for name in (*SPLITS, NEGATIVES, TEST_NEGATIVES)
    }
    return Splits(images, {key: reason for part in parts for key, reason in part.left_out.items()})


def split_vehicles(groups: Sequence[Group], classes: Sequence[str], seed: int) -> Splits:
    """Return groups of vehicles in `train`, `validation` and `test`; a group stays together.

    A published test set stays complete; otherwise a fifth of each class becomes the test set. In both cases a tenth of
    the rest becomes the validation set.

    Raises TooFewClassesError if there are fewer than two classes, TooFewImagesError if a class cannot be split.
    """
    if len(classes) < 2:
        raise TooFewClassesError(f"only one class ({', '.join(classes)}); give a folder for each of two or more")
    _require_enough((image for group in groups for image in group), classes)
    kept, left_out = _leave_out(groups)
    test = [image for group in kept for image in group if image.source.split == "test"]
    train = [group for group in kept if group[0].source.split != "test"]
    if any(group[0].source.split is None for group in groups):
        test, train = _draw_by_class(train, classes, TEST_SHARE, seed)
    validation, train = _draw_by_class(train, classes, VALIDATION_SHARE, seed)
    images = dict(zip(SPLITS, (_flatten(train), validation, test), strict=True))
    _require_all_classes(images, classes)
    return Splits(images, left_out)


def split_off_negatives(groups: Sequence[Group], seed: int) -> tuple[list[Group], Splits]:
    """Return the groups without their negatives, and the negatives in `negatives` and `test-negatives`.

    A published test set stays complete; otherwise a fifth becomes the test set. A negative that shows the same as a
    vehicle is left out, and so is one for training that shows the same as one of the published test set.
    """
    vehicles: list[Group] = []
    train: list[Group] = []
    test: Group = []
    left_out: dict[str, str] = {}
    for group in groups:
        own = [image for image in group if image.source.role != "negative"]
        negatives = [image for image in group if image.source.role == "negative"]
        published = [image for image in negatives if image.source.split == "test"]
        if own:
            vehicles.append(own)
            left_out |= _leave_out_all(negatives, _same_as(own[0]))
        elif published:
            test += published
            copies = [image for image in negatives if image.source.split != "test"]
            left_out |= _leave_out_all(copies, _same_as(published[0]))
        else:
            train.append(group)
    if not test:
        test, train = _draw(train, TEST_SHARE, seed)
    return vehicles, Splits({NEGATIVES: _flatten(train), TEST_NEGATIVES: test}, left_out)


def split_off_labels(groups: Sequence[Group]) -> tuple[list[Group], Splits]:
    """Return the groups without images labelled in review, and those images, in `train` and `negatives`.

    A label that shows the same as an image of the source is left out: the source's own label counts. Labels that
    contradict each other are left out too.
    """
    unlabelled: list[Group] = []
    # Never validation or test: people label the images that the model is unsure of, not a fair sample.
    labelled: dict[str, Group] = {SPLITS[0]: [], NEGATIVES: []}
    left_out: dict[str, str] = {}
    for group in groups:
        own = [image for image in group if image.source.role != "label"]
        labels = [image for image in group if image.source.role == "label"]
        if own:
            unlabelled.append(own)
            left_out |= _leave_out_all(labels, _same_as(own[0]))
        elif reason := _contradiction(labels):
            left_out |= _leave_out_all(labels, reason)
        else:
            labelled[NEGATIVES if labels[0].source.label == NEITHER else SPLITS[0]] += labels
    return unlabelled, Splits(labelled, left_out)


def _require_enough(images: Iterable[CheckedImage], classes: Sequence[str]) -> None:
    counts = dict.fromkeys(classes, 0)
    for image in images:
        counts[image.source.label] += 1
    for label, count in counts.items():
        if count < MIN_IMAGES_PER_CLASS:
            raise TooFewImagesError(
                f"class {label} has {count} good images; at least {MIN_IMAGES_PER_CLASS} are needed to split it"
            )


def _require_all_classes(splits: dict[str, list[CheckedImage]], classes: Sequence[str]) -> None:
    for name, images in splits.items():
        for label in set(classes) - {image.source.label for image in images}:
            raise TooFewImagesError(f"no {label} is left for {name} once duplicates are kept together; add images")


def _leave_out(groups: Sequence[Group]) -> tuple[list[Group], dict[str, str]]:
    """Leave out training copies of published test images, and groups whose labels contradict each other."""
    kept: list[Group] = []
    left_out: dict[str, str] = {}
    for group in groups:
        test = [image for image in group if image.source.split == "test"]
        train = [image for image in group if image.source.split != "test"]
        if test:
            # One group each: the published test set stays complete even if its own labels contradict.
            kept += [[image] for image in test]
            left_out |= _leave_out_all(train, _same_as(test[0]))
        elif reason := _contradiction(group):
            left_out |= _leave_out_all(group, reason)
        else:
            kept.append(group)
    return kept, left_out


def _leave_out_all(images: Iterable[CheckedImage], reason: str) -> dict[str, str]:
    return {image.source.key: reason for image in images}


def _same_as(image: CheckedImage) -> str:
    return f"shows the same as {image.source.key}"


def _contradiction(group: Group) -> str:
    """Return the reason to leave a group out, or "" if all its labels agree."""
    if len({image.source.label for image in group}) == 1:
        return ""
    return "shows the same as an image of another class: " + ", ".join(image.source.key for image in group)


def _draw_by_class(groups: list[Group], classes: Sequence[str], share: float, seed: int) -> tuple[Group, list[Group]]:
    """Return the images drawn, about `share` of each class, and the groups that remain."""
    drawn: Group = []
    rest: list[Group] = []
    for label in classes:
        of_class = [group for group in groups if group[0].source.label == label]
        drawn_of_class, rest_of_class = _draw(of_class, share, seed)
        drawn += drawn_of_class
        rest += rest_of_class
    return drawn, rest


def _draw(groups: list[Group], share: float, seed: int) -> tuple[Group, list[Group]]:
    """Return the images drawn, about `share` of all in whole groups and at least one, and the groups that remain."""
    drawn: Group = []
    rest: list[Group] = []
    wanted = max(1, round(share * sum(map(len, groups))))
    for group in sorted(groups, key=lambda group: _rank(group, seed)):
        # A group too large for what is still wanted is passed over; smaller ones behind it can fill the rest.
        if len(group) <= wanted:
            drawn += group
            wanted -= len(group)
        else:
            rest.append(group)
    return drawn, rest


def _rank(group: Group, seed: int) -> str:
    # The minimum over the group does not depend on the order of its images.
    return min(hashlib.sha256(f"{seed} {image.sha256}".encode()).hexdigest() for image in group)


def _flatten(groups: Iterable[Group]) -> Group:
    return [image for group in groups for image in group]
