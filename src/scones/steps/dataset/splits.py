"""Sorts checked images into train, validation and test, so that no picture is on two sides.

Runs where the operator sits; pure. The order of the input does not matter: whoever is drawn depends on the images'
own bytes and on the seed, so that one more image moves few others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scones.contract.layout import NEGATIVES, NEITHER, SPLITS, TEST_NEGATIVES
from scones.errors import TooFewClassesError, TooFewImagesError
from scones.steps.dataset.source import LABELLED
from scones.steps.dataset.validate import CheckedImage

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


def set_apart(groups: Sequence[Group], seed: int) -> tuple[list[Group], Assignment]:
    """Return the groups without the pictures of other things, and those, split as `assign` does the vehicles.

    One of something else that shows the same as a vehicle, or, for learning, as a published test picture, is left out.
    """
    vehicles: list[Group] = []
    learned: list[Group] = []
    test: Group = []
    left_out: dict[str, str] = {}
    for group in groups:
        own = [image for image in group if image.image.split not in (NEGATIVES, TEST_NEGATIVES)]
        kept = own or [image for image in group if image.image.split == TEST_NEGATIVES]
        if own:
            vehicles.append(own)
        elif kept:
            test += kept
        else:
            learned.append(group)
            continue
        left_out |= {i.image.key: f"shows the same as {kept[0].image.key}" for i in group if i not in kept}
    if not test:
        test, learned = _draw(learned, TEST_SHARE, seed)
    return vehicles, Assignment({NEGATIVES: [i for group in learned for i in group], TEST_NEGATIVES: test}, left_out)


def labels_apart(groups: Sequence[Group]) -> tuple[list[Group], Assignment]:
    """Return the groups without what people labelled in review, and that, all of it for training.

    They labelled what the model was unsure of: no fair sample, so none of it is for validation or test. The source's
    word stands: a label that shows the same as one of its pictures is left out. So are labels that contradict.
    """
    source: list[Group] = []
    taught: dict[str, Group] = {SPLITS[0]: [], NEGATIVES: []}
    left_out: dict[str, str] = {}
    for group in groups:
        own = [image for image in group if image.image.split != LABELLED]
        labels = [image for image in group if image.image.split == LABELLED]
        if own:
            source.append(own)
            left_out |= {image.image.key: f"shows the same as {own[0].image.key}" for image in labels}
        elif reason := _contradiction(labels):
            left_out |= {image.image.key: reason for image in labels}
        else:
            taught[NEGATIVES if labels[0].image.label == NEITHER else SPLITS[0]] += labels
    return source, Assignment(taught, left_out)


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
        elif not (reason := _contradiction(group)):
            kept.append(group)
            continue
        left_out |= {image.image.key: reason for image in group if image.image.split != "test"}
        kept += [[image] for image in test]
    return kept, left_out


def _contradiction(group: Group) -> str:
    """The reason to leave a group out, "" where its labels are all the same."""
    if len({image.image.label for image in group}) == 1:
        return ""
    return "shows the same as an image of another class: " + ", ".join(image.image.key for image in group)


def _carve(groups: list[Group], classes: Sequence[str], share: float, seed: int) -> tuple[Group, list[Group]]:
    """Take about `share` of each class in whole groups, one image at least; return what was taken and what was not."""
    drawn = [_draw([group for group in groups if group[0].image.label == label], share, seed) for label in classes]
    return [image for taken, _ in drawn for image in taken], [group for _, rest in drawn for group in rest]


def _draw(groups: list[Group], share: float, seed: int) -> tuple[Group, list[Group]]:
    taken: Group = []
    rest: list[Group] = []
    wanted = max(1, round(share * sum(map(len, groups))))
    for group in sorted(groups, key=lambda group: _lot(group, seed)):
        if len(group) <= wanted:
            taken += group
            wanted -= len(group)
        else:
            rest.append(group)
    return taken, rest


def _lot(group: Group, seed: int) -> str:
    return min(hashlib.sha256(f"{seed} {image.sha256}".encode()).hexdigest() for image in group)
