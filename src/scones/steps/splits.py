"""Sorts checked images into train, validation and test, so that no picture is on two sides.

Runs where the operator sits; pure. The order of the input does not matter: whoever is drawn depends on the images'
own bytes and on the seed, so that one more image moves few others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scones.contract import NEGATIVES, SPLITS
from scones.errors import TooFewClassesError, TooFewImagesError
from scones.steps.images import CheckedImage

TEST_SHARE: Final = 0.2
VALIDATION_SHARE: Final = 0.1
FEWEST: Final = 5

Group = list[CheckedImage]


@dataclass(frozen=True)
class Assignment:
    """`splits` is split -> its images; `left_out` is key -> reason."""

    splits: dict[str, list[CheckedImage]]
    left_out: dict[str, str]


def assign(groups: Sequence[Group], classes: Sequence[str], seed: int) -> Assignment:
    """Assign every image of `groups` (images that show the same; most are alone) to a split or leave it out.

    A published test set stays whole. Otherwise a fifth of each class becomes the test set; in either case a tenth of
    what is left becomes the validation set. Groups stay together. Raises TooFewClassesError and TooFewImagesError.
    """
    if len(classes) < 2:
        raise TooFewClassesError(f"only one class ({', '.join(classes)}); give a folder for each of two or more")
    _require_enough((image for group in groups for image in group), classes)
    kept, left_out = _leave_out(groups)
    test = [image for group in kept for image in group if image.image.split == "test"]
    train = [group for group in kept if group[0].image.split != "test"]
    if any(group[0].image.split is None for group in groups):
        test, train = _carve(train, classes, TEST_SHARE, seed)
    validation, train = _carve(train, classes, VALIDATION_SHARE, seed)
    splits = dict(zip(SPLITS, ([image for group in train for image in group], validation, test), strict=True))
    _require_some(splits, classes)
    return Assignment(splits, left_out)


def set_apart(groups: Sequence[Group]) -> tuple[list[Group], Assignment]:
    """Return the groups without the pictures of other things, and those; one that shows a vehicle too is left out."""
    vehicles: list[Group] = []
    negatives: Group = []
    left_out: dict[str, str] = {}
    for group in groups:
        own = [image for image in group if image.image.split != NEGATIVES]
        others = [image for image in group if image.image.split == NEGATIVES]
        if own:
            vehicles.append(own)
            left_out |= {image.image.key: f"shows the same as {own[0].image.key}" for image in others}
        else:
            negatives += others
    return vehicles, Assignment({NEGATIVES: negatives}, left_out)


def _require_enough(images: Iterable[CheckedImage], classes: Sequence[str]) -> None:
    counts = dict.fromkeys(classes, 0)
    for image in images:
        counts[image.image.label] += 1
    for label, count in counts.items():
        if count < FEWEST:
            raise TooFewImagesError(f"class {label} has {count} good images; {FEWEST} is the least to split")


def _require_some(splits: dict[str, list[CheckedImage]], classes: Sequence[str]) -> None:
    for split, images in splits.items():
        for label in set(classes) - {image.image.label for image in images}:
            raise TooFewImagesError(f"no {label} is left for {split} once duplicates are kept together; add images")


def _leave_out(groups: Sequence[Group]) -> tuple[list[Group], dict[str, str]]:
    """Leave out training copies of test images, and copies that carry different labels."""
    kept: list[Group] = []
    left_out: dict[str, str] = {}
    for group in groups:
        test = [image for image in group if image.image.split == "test"]
        if test:
            reason = f"shows the same as {test[0].image.key}"
        elif len({image.image.label for image in group}) > 1:
            reason = "shows the same as an image of another class: " + ", ".join(image.image.key for image in group)
        else:
            kept.append(group)
            continue
        left_out |= {image.image.key: reason for image in group if image.image.split != "test"}
        kept += [[image] for image in test]
    return kept, left_out


def _carve(groups: list[Group], classes: Sequence[str], share: float, seed: int) -> tuple[Group, list[Group]]:
    """Take about `share` of each class in whole groups, one image at least; return what was taken and what was not."""
    taken: Group = []
    rest: list[Group] = []
    for label in classes:
        own = sorted((group for group in groups if group[0].image.label == label), key=lambda g: _lot(g, seed))
        wanted = max(1, round(share * sum(map(len, own))))
        for group in own:
            if len(group) <= wanted:
                taken += group
                wanted -= len(group)
            else:
                rest.append(group)
    return taken, rest


def _lot(group: Group, seed: int) -> str:
    return min(hashlib.sha256(f"{seed} {image.sha256}".encode()).hexdigest() for image in group)
