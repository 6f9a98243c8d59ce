"""The images as `scones stage` makes them, in a folder instead of the bucket, and the photographs.

No benchmark uses an image that staging leaves out, such as a training image that is a copy of a test image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scones.contract.layout import DATA, NEGATIVES, TEST_NEGATIVES
from scones.contract.release import Manifest
from scones.progress import Progress
from scones.steps.dataset.source import find_source, with_negatives
from scones.steps.stage import stage

TRAINING: Final = ("train", "validation", NEGATIVES)


class FolderBucket:
    """The part of an S3 client that `stage` calls; objects become files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        """Write the object as a file."""
        path = self._folder / Key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Body)

    def get_paginator(self, operation: str) -> FolderBucket:
        """Return the paginator, which is this object."""
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        """List nothing: the folder is new, so every object is written."""
        return iter(())


@dataclass(frozen=True)
class Images:
    """Folders of `<class>/<image>`: `staged` holds them by split; `photos` are photographs of the classes.

    `negatives` and `photo_negatives` hold `<kind>/<image>`: images of neither class, which are not trained on.
    """

    manifest: Manifest
    staged: Path
    negatives: Path
    photos: Path
    photo_negatives: Path


def stage_images(data: Path, folder: Path) -> Images:
    """Stage `data`'s official CIFAR-100 split with its negatives into `folder`.

    Raises DataError if the data cannot be read.
    """
    source = find_source(str(data / "cifar100_bikes"), {}, folder / "cache", Progress())
    source = with_negatives(source, str(data / "cifar100_other"), {})
    manifest = stage(source, s3=FolderBucket(folder), bucket="benchmark").manifest
    for name in manifest["classes"]:
        link(folder / "photos" / name, data / "photos" / name)
    link(folder / "photo_negatives/other", data / "photos/other")
    return Images(
        manifest=manifest,
        staged=folder / DATA / manifest["digest"],
        negatives=folder / DATA / manifest["digest"] / TEST_NEGATIVES,
        photos=folder / "photos",
        photo_negatives=folder / "photo_negatives",
    )


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to an existing target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target.resolve(strict=True))
