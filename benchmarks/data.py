"""The images as `scones stage` makes them, with a folder in the bucket's place, and the photographs beside them.

Runs where the benchmark runs. What staging leaves out, such as training copies of test images, no benchmark sees.
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
    """As much of an S3 client as `stage` asks of one: objects become files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        path = self._folder / Key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Body)

    def get_paginator(self, operation: str) -> FolderBucket:
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        return iter(())


@dataclass(frozen=True)
class Images:
    """Folders of `<class>/<image>`: `staged` holds them by split, `photos` are photographs of the classes.

    `others` and `photos_of_others` hold `<kind>/<image>`, things that are none of the classes, never trained on.
    """

    manifest: Manifest
    staged: Path
    others: Path
    photos: Path
    photos_of_others: Path


def stage_images(data: Path, folder: Path) -> Images:
    """Stage `data`'s official CIFAR-100 split with its negatives into `folder`; raises DataError."""
    source = find_source(str(data / "cifar100_bikes"), {}, folder / "cache", Progress())
    source = with_negatives(source, str(data / "cifar100_other"), {})
    manifest = stage(source, s3=FolderBucket(folder), bucket="benchmark").manifest
    for name in manifest["classes"]:
        link(folder / "photos" / name, data / "photos" / name)
    link(folder / "photos_of_others/other", data / "photos/other")
    return Images(
        manifest=manifest,
        staged=folder / DATA / manifest["digest"],
        others=folder / DATA / manifest["digest"] / TEST_NEGATIVES,
        photos=folder / "photos",
        photos_of_others=folder / "photos_of_others",
    )


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target.resolve(strict=True))
