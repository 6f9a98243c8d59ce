"""A channel's images, `<class>/<image>`, as one array; used by `train` and `evaluate`; splits and copies nothing."""

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
LEAST_IMAGES = 10


@dataclass(frozen=True)
class Dataset:
    """`keys` are `<class>/<name>`, `pixels` float32 [n, 3, size, size], `labels` int64 [n] indices into the classes."""

    keys: list[str]
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]


def class_names(folder: Path) -> list[str]:
    """The classes, which are the folder's folders in sorted order; raises DataNotFoundError, TooFewClassesError."""
    if not folder.is_dir():
        raise DataNotFoundError(f"there are no images at {folder}; give the job the channel with a folder per class")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        raise TooFewClassesError(f"{folder} has {len(names)} class folders ({', '.join(names)}); give it two or more")
    return names


def read(
    folder: Path, classes: Sequence[str], size: int, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
) -> Dataset:
    """Read every image of the classes; raises TooFewImagesError for an empty class, TooManyBadImagesError, DataError.

    No bad image is tolerated here: `stage` has left those out, so one that comes now means damaged data.
    """
    found = class_names(folder)
    if unknown := sorted(set(found) - set(classes)):
        raise DataError(f"{folder} has images of {', '.join(unknown)}, which the model does not know; leave them out")
    return _read(
        [(label, path) for label, name in enumerate(classes) for path in _images(folder / name)], size, mean, std
    )


def read_as_one(
    folder: Path, label: int, size: int, mean: Sequence[float] = MEAN, std: Sequence[float] = STD
) -> Dataset:
    """Read the images of every folder there under one label; raises as `read` does."""
    if not (names := sorted(entry.name for entry in folder.iterdir() if entry.is_dir())):
        raise DataNotFoundError(f"{folder} has no folder of images; put other things there, a folder for each kind")
    return _read([(label, path) for name in names for path in _images(folder / name)], size, mean, std)


def join(parts: Sequence[Dataset]) -> Dataset:
    keys = [key for part in parts for key in part.keys]
    return Dataset(keys, np.concatenate([p.pixels for p in parts]), np.concatenate([p.labels for p in parts]))


def check_learnable(pictures: Dataset, classes: Sequence[str]) -> None:
    """Refuse what no training can learn from: raises TooFewImagesError, BlankImagesError, ContradictingLabelsError."""
    for label, name in enumerate(classes):
        mine = pictures.pixels[pictures.labels == label]
        if len(mine) < LEAST_IMAGES:
            raise TooFewImagesError(f"class '{name}' has {len(mine)} images; give it {LEAST_IMAGES} or more")
        if not np.ptp(mine, axis=(1, 2, 3)).any():
            raise BlankImagesError(f"all {len(mine)} images of class '{name}' are of one colour; look at the files")
    seen: dict[bytes, int] = {}
    for index, pixels in enumerate(pictures.pixels):
        first = seen.setdefault(hashlib.sha256(pixels.tobytes()).digest(), index)
        if pictures.labels[first] != pictures.labels[index]:
            raise ContradictingLabelsError(
                f"{pictures.keys[first]} and {pictures.keys[index]} are the same picture; remove one of them"
            )


def _read(paths: list[tuple[int, Path]], size: int, mean: Sequence[float], std: Sequence[float]) -> Dataset:
    keys, pixels, bad = [], [], []
    for _, path in paths:
        keys.append(f"{path.parent.name}/{path.name}")
        try:
            pixels.append(prepare(path.read_bytes(), size, mean, std))
        except ImageRejectedError as error:
            bad.append(f"{keys[-1]}: {error}")
    if bad:
        raise TooManyBadImagesError(f"{len(bad)} of {len(paths)} images are unreadable; first {bad[0]}; stage again")
    return Dataset(keys, np.stack(pixels), np.array([label for label, _ in paths], np.int64))


def _images(folder: Path) -> list[Path]:
    paths = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    paths = sorted(path for path in paths if not path.name.startswith("."))
    if not paths:
        raise TooFewImagesError(f"class '{folder.name}' has no image in {folder.parent}; add some or remove the class")
    return paths
