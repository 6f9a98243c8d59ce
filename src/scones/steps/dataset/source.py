"""Finds the images to stage: in a folder, in the CIFAR-100 archive, or drawn by Scones.

It lists and names images; `validate.py` checks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from scones.contract.layout import NEGATIVES, TEST_NEGATIVES
from scones.errors import DataError, DataNotFoundError, ServerUnreachableError, UsageError
from scones.progress import Progress
from scones.steps.dataset.cifar import CIFAR_100, read_archive
from scones.steps.dataset.download import Archive, download
from scones.steps.dataset.sketches import sketches

VARIABLE: Final = "SCONES_DATA"
NEGATIVES_VARIABLE: Final = "SCONES_NEGATIVES"
SKETCHES: Final = "sketches"
# The first part of a labelled image's key.
LABELLED: Final = "labels"
PUBLISHED_SPLITS: Final = {"train", "test"}

Role = Literal["vehicle", "negative", "label"]


@dataclass(frozen=True)
class SourceImage:
    """An image of a source: `content` is the file's path, or its bytes.

    `split` is "train" or "test" if the source is published with splits, else None. `role` is "vehicle" for an image of
    one of the classes, "negative" for an out-of-distribution one, and "label" for one that was labelled in review.
    """

    split: str | None
    label: str
    name: str
    content: Path | bytes
    role: Role = "vehicle"

    @property
    def key(self) -> str:
        """`[<folder>/]<label>/<name>`: names the image in messages, reports and `left_out`."""
        return "/".join(part for part in (self._folder, self.label, self.name) if part)

    @property
    def _folder(self) -> str | None:
        if self.role == "label":
            return LABELLED
        if self.role == "negative":
            return TEST_NEGATIVES if self.split == "test" else NEGATIVES
        return self.split


@dataclass(frozen=True)
class Source:
    """All images of a source; `description` is for people, `sketches` is true if Scones drew the images.

    `negatives` are out-of-distribution images. `labels` are images labelled in review, with a class or "neither".
    `left_out` is key -> reason for labels that cannot be used.
    """

    description: str
    images: tuple[SourceImage, ...]
    classes: tuple[str, ...]
    sketches: bool = False
    negatives: tuple[SourceImage, ...] = ()
    labels: tuple[SourceImage, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def find_source(
    data: str | None, environ: Mapping[str, str], cache: Path, progress: Progress, *, archive: Archive = CIFAR_100
) -> Source:
    """Return the images at `data`, else at $SCONES_DATA, else of `archive` (downloaded into `cache`), else sketches.

    The word "sketches" in place of a path selects the drawn images. Raises DataNotFoundError if a path is missing or
    holds no classes, DownloadError if the download is interrupted or is not the published file, DataError if a file
    cannot be read, and UsageError for an s3:// URI.
    """
    if named := data or environ.get(VARIABLE):
        return _open(named, "" if data else f" (from ${VARIABLE})")
    try:
        path = download(archive, cache, progress)
    except ServerUnreachableError as error:
        progress.note(
            f"No photographs: {error}. Using sketches that Scones draws itself; --data PATH names real images."
        )
        return _sketches_source()
    return _archive_source(path)


def with_negatives(source: Source, folder: str | None, environ: Mapping[str, str]) -> Source:
    """Return the source with the negatives in `folder`, else in $SCONES_NEGATIVES, else unchanged.

    A folder holds `{train,test}/<kind>/*` or `<kind>/*`. Raises DataNotFoundError if it is missing or empty. For
    sketches the variable is ignored.
    """
    # Photographs beside drawings would teach the model the style instead of the object.
    named = folder or (None if source.sketches else environ.get(NEGATIVES_VARIABLE))
    if not named:
        return source
    path = Path(named).expanduser()
    try:
        images = [image for split, kind in _class_folders(path) for image in _images(split, kind, role="negative")]
    except OSError as error:
        raise DataNotFoundError(
            f"{path} cannot be read: {error.strerror}; name a folder with <kind>/* in it"
        ) from error
    if not images:
        raise DataNotFoundError(f"{path} holds no negative images; it should look like <kind>/*.png")
    return replace(source, negatives=tuple(sorted(images, key=lambda image: image.key)))


def _open(named: str, origin: str) -> Source:
    if named == SKETCHES:
        return _sketches_source()
    if named.startswith("s3://"):
        raise UsageError(f"{named}{origin} is in S3; copy it to a folder first (aws s3 cp --recursive) and name that")
    path = Path(named).expanduser()
    try:
        if path.is_dir():
            return _folder_source(path)
        if path.is_file():
            return _archive_source(path)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename}: {error.strerror}; check the path and its permissions"
        ) from error
    raise DataNotFoundError(f"{path}{origin} does not exist; name a folder of images or cifar-100-python.tar.gz")


def _sketches_source() -> Source:
    return _source("sketches drawn by Scones", (SourceImage(*sketch) for sketch in sketches()), sketches=True)


def _archive_source(path: Path) -> Source:
    images = (SourceImage(*image) for image in read_archive(path))
    return _source("CIFAR-100, classes bicycle and motorcycle", images)


def _folder_source(path: Path) -> Source:
    """Read `{train,test}/<class>/*` or `<class>/*`; hidden files, and files outside class folders, are ignored."""
    folders = _class_folders(path)
    images = [image for split, folder in folders for image in _images(split, folder)]
    # A class folder without images is still a class: staging then fails and names it.
    classes = {folder.name for _, folder in folders}
    if not images:
        raise DataNotFoundError(f"{path} holds no images; it should look like train/<class>/*.png or <class>/*.png")
    return _source(f"folder {path}", images, classes)


def _class_folders(path: Path) -> list[tuple[str | None, Path]]:
    """Return (split, folder) of each class."""
    folders = _folders(path)
    names = {folder.name for folder in folders}
    if not names & PUBLISHED_SPLITS:
        return [(None, folder) for folder in folders]
    if names == PUBLISHED_SPLITS:
        return [(folder.name, child) for folder in folders for child in _folders(folder)]
    raise DataError(f"{path} must hold train/ and test/ and no other folder, or one folder for each class")


def _folders(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]


def _images(split: str | None, folder: Path, role: Role = "vehicle") -> list[SourceImage]:
    files = (child for child in folder.iterdir() if not child.name.startswith("."))
    return [SourceImage(split, folder.name, child.name, child, role) for child in files]


def _source(
    description: str, images: Iterable[SourceImage], classes: Iterable[str] = (), *, sketches: bool = False
) -> Source:
    # Sorted, because the order in which a disk lists its files must not matter.
    ordered = tuple(sorted(images, key=lambda image: image.key))
    labels = {*classes, *(image.label for image in ordered)}
    return Source(description, ordered, tuple(sorted(labels)), sketches)
