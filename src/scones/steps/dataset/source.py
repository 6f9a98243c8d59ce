"""Where the images come from: a folder, the CIFAR-100 archive, or sketches where there is neither.

Runs where the operator sits. It lists and names images; whether they are any good is for `images.py` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from scones.contract.layout import NEGATIVES, TEST_NEGATIVES
from scones.errors import DataError, DataNotFoundError, ServerUnreachableError, UsageError
from scones.progress import Progress
from scones.steps.dataset.cifar import CIFAR_100, read_archive
from scones.steps.dataset.download import Archive, download
from scones.steps.dataset.sketches import sketches

VARIABLE: Final = "SCONES_DATA"
NEGATIVES_VARIABLE: Final = "SCONES_NEGATIVES"
SKETCHES: Final = "sketches"
LABELLED: Final = "labels"
PUBLISHED: Final = {"train", "test"}
_OF_OTHERS: Final = {"train": NEGATIVES, "test": TEST_NEGATIVES, None: NEGATIVES}


@dataclass(frozen=True)
class SourceImage:
    """One image as found. `split` is "train" or "test" where the source came split, else None, one of the two names
    of the contract for a picture of something else, and `LABELLED` for one from review; `content` is the file's path,
    or its bytes.
    """

    split: str | None
    label: str
    name: str
    content: Path | bytes

    @property
    def key(self) -> str:
        return "/".join(part for part in (self.split, self.label, self.name) if part)


@dataclass(frozen=True)
class Source:
    """A whole data set as found; `description` is in a person's words, `sketches` true where we drew it ourselves.

    `negatives` are pictures of other things, of no class, and `labels` those that people labelled, with a class or
    "neither". `left_out` is key -> reason of what could not even be listed.
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

    The word "sketches" in place of a path asks for drawn images outright.
    Raises DataNotFoundError where a named path is missing or holds no classes, DownloadError where the download broke
    off or is not what was published, DataError where a file cannot be read, UsageError for an s3:// address.
    """
    if named := data or environ.get(VARIABLE):
        return _open(named, "" if data else f" (from ${VARIABLE})")
    try:
        path = download(archive, cache, progress)
    except ServerUnreachableError as error:
        progress.note(
            f"No photographs: {error}. Using sketches that Scones draws itself; --data PATH names real images."
        )
        return _drawn()
    return _archive(path)


def with_negatives(source: Source, folder: str | None, environ: Mapping[str, str]) -> Source:
    """Return the source with the pictures of other things in `folder`, else in $SCONES_NEGATIVES, else as it is.

    `folder` holds `{train,test}/<kind>/*` or `<kind>/*`. Raises DataNotFoundError where it is missing or holds none.
    Sketches get only those that are asked for outright: photographs of other things beside drawings would teach the
    style, not the thing.
    """
    named = folder or (None if source.sketches else environ.get(NEGATIVES_VARIABLE))
    if not named:
        return source
    path = Path(named).expanduser()
    try:
        pictures = [image for split, kind in _split_folders(path) for image in _class(_OF_OTHERS[split], kind)]
    except OSError as error:
        raise DataNotFoundError(
            f"{path} cannot be read: {error.strerror}; name a folder with <kind>/* in it"
        ) from error
    if not pictures:
        raise DataNotFoundError(f"{path} holds no pictures of other things; it should look like <kind>/*.png")
    return replace(source, negatives=tuple(sorted(pictures, key=lambda image: image.key)))


def _drawn() -> Source:
    return _source("sketches drawn by Scones", (SourceImage(*sketch) for sketch in sketches()), sketches=True)


def _open(named: str, origin: str) -> Source:
    if named == SKETCHES:
        return _drawn()
    if named.startswith("s3://"):
        raise UsageError(f"{named}{origin} is in S3; copy it to a folder first (aws s3 cp --recursive) and name that")
    path = Path(named).expanduser()
    try:
        if path.is_dir():
            return _folder(path)
        if path.is_file():
            return _archive(path)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename}: {error.strerror}; check the path and its permissions"
        ) from error
    raise DataNotFoundError(f"{path}{origin} does not exist; name a folder of images or cifar-100-python.tar.gz")


def _archive(path: Path) -> Source:
    images = (SourceImage(*picture) for picture in read_archive(path))
    return _source("CIFAR-100, classes bicycle and motorcycle", images)


def _folder(path: Path) -> Source:
    """Read `{train,test}/<class>/*` or `<class>/*`; files outside the class folders and hidden files are no images."""
    below = _split_folders(path)
    images = [image for split, folder in below for image in _class(split, folder)]
    classes = {folder.name for _, folder in below}
    if not images:
        raise DataNotFoundError(f"{path} holds no images; it should look like train/<class>/*.png or <class>/*.png")
    return _source(f"folder {path}", images, classes)


def _split_folders(path: Path) -> list[tuple[str | None, Path]]:
    tops = _folders(path)
    names = {top.name for top in tops}
    if not names & PUBLISHED:
        return [(None, top) for top in tops]
    if names == PUBLISHED:
        return [(top.name, folder) for top in tops for folder in _folders(top)]
    raise DataError(f"{path} must hold train/ and test/ and no other folder, or one folder for each class")


def _folders(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]


def _class(split: str | None, folder: Path) -> list[SourceImage]:
    files = (child for child in folder.iterdir() if not child.name.startswith("."))
    return [SourceImage(split, folder.name, child.name, child) for child in files]


def _source(
    description: str, images: Iterable[SourceImage], classes: Iterable[str] = (), *, sketches: bool = False
) -> Source:
    # Sorted, because the order in which a disk lists its files must not matter.
    ordered = tuple(sorted(images, key=lambda image: image.key))
    named = {*classes, *(image.label for image in ordered)}
    return Source(description, ordered, tuple(sorted(named)), sketches)
