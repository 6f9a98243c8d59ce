"""The images of a folder, `<class>/<image>`, as arrays; for `train` and `evaluate`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scones.errors import (
    BlankImagesError,
    ContradictingLabelsError,
    DataError,
    DataNotFoundError,
    ImageRejectedError,
    TooFewClassesError,
    TooFewImagesError,
    TooManyBadImagesError,
)
from scones.model.inference.images import prepare

# Fixed rather than measured on the training set: [-2, 2] suits any photograph, and model.json carries them anyway.
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
MIN_IMAGES_PER_CLASS = 10


@dataclass(frozen=True)
class Dataset:
    """Labelled images in memory.

    `keys` [n] are `<class>/<name>`, `pixels` [n, 3, size, size] are normalised, `labels` [n] are indices into the
    classes.
    """

    keys: list[str]
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]


def class_names(folder: Path) -> list[str]:
    """Return the names of the class folders, sorted.

    Raises DataNotFoundError if `folder` does not exist, TooFewClassesError if it has fewer than two class folders.
    """
    if not folder.is_dir():
        raise DataNotFoundError(f"there are no images at {folder}; give the job the channel with a folder per class")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        raise TooFewClassesError(f"{folder} has {len(names)} class folders ({', '.join(names)}); give it two or more")
    return names


def read(
    folder: Path, classes: Sequence[str], size: int, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
) -> Dataset:
    """Read the images of all classes, resized to `size` pixels a side and normalised by channel.

    Raises DataError if the folder has a class that is not in `classes`, TooFewImagesError if a class has no images,
    TooManyBadImagesError if an image is unreadable.
    """
    if unknown := sorted(set(class_names(folder)) - set(classes)):
        raise DataError(f"{folder} has images of {', '.join(unknown)}, which the model does not know; leave them out")
    labelled_paths = [(label, path) for label, name in enumerate(classes) for path in _image_paths(folder / name)]
    return _read_images(labelled_paths, size, mean, std)


def read_negatives(
    folder: Path, label: int, size: int, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
) -> Dataset:
    """Read the images of all folders in `folder`, with one label for all of them.

    Raises DataNotFoundError if `folder` has none, TooFewImagesError if one is empty, TooManyBadImagesError if an
    image is unreadable.
    """
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if not names:
        raise DataNotFoundError(f"{folder} has no folder of images; give it a folder for each kind of negatives")
    labelled_paths = [(label, path) for name in names for path in _image_paths(folder / name)]
    return _read_images(labelled_paths, size, mean, std)


def join(parts: Sequence[Dataset]) -> Dataset:
    """Return the data sets as one, in their order."""
    return Dataset(
        keys=[key for part in parts for key in part.keys],
        pixels=np.concatenate([part.pixels for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
    )


def check_learnable(data: Dataset, classes: Sequence[str]) -> None:
    """Check that training can learn the classes from the images.

    Raises TooFewImagesError if a class has fewer than `MIN_IMAGES_PER_CLASS`, BlankImagesError if all images of a class
    are of a single colour, ContradictingLabelsError if the same image has two labels.
    """
    for label, name in enumerate(classes):
        images = data.pixels[data.labels == label]
        if len(images) < MIN_IMAGES_PER_CLASS:
            raise TooFewImagesError(f"class '{name}' has {len(images)} images; give it {MIN_IMAGES_PER_CLASS} or more")
        if not np.ptp(images, axis=(1, 2, 3)).any():
            raise BlankImagesError(f"all {len(images)} images of class '{name}' are of one colour; check the files")
    first_index: dict[bytes, int] = {}
    for index, pixels in enumerate(data.pixels):
        first = first_index.setdefault(hashlib.sha256(pixels.tobytes()).digest(), index)
        if data.labels[first] != data.labels[index]:
            raise ContradictingLabelsError(
                f"{data.keys[first]} and {data.keys[index]} are the same image; remove one of them"
            )


def _read_images(
    labelled_paths: list[tuple[int, Path]], size: int, mean: Sequence[float], std: Sequence[float]
) -> Dataset:
    keys = [f"{path.parent.name}/{path.name}" for _, path in labelled_paths]
    labels = [label for label, _ in labelled_paths]
    pixels: list[NDArray[np.float32]] = []
    rejections: list[str] = []
    for key, (_, path) in zip(keys, labelled_paths, strict=True):
        try:
            pixels.append(prepare(path.read_bytes(), size, mean, std))
        except ImageRejectedError as error:
            rejections.append(f"{key}: {error}")
    # `stage` has left unreadable images out, so that even one means that the data were damaged since.
    if rejections:
        raise TooManyBadImagesError(
            f"{len(rejections)} of {len(keys)} images are unreadable; first {rejections[0]}; stage again"
        )
    return Dataset(keys, np.stack(pixels), np.array(labels, np.int64))


def _image_paths(folder: Path) -> list[Path]:
    paths = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    paths = sorted(path for path in paths if not path.name.startswith("."))
    if not paths:
        raise TooFewImagesError(f"class '{folder.name}' has no image in {folder.parent}; add some or remove the class")
    return paths
