"""`scones stage`: turns source images into a checked, deduplicated and split data set in S3.

Staging has five stages, which `stage` calls one after the other:

1. Check: decode every image. Images that cannot be used are left out with a reason; too many of them are an error.
2. Deduplicate: group near-equal images, so that no scene is in two splits.
3. Split: assign each group to train, validation or test, and negatives to training or test.
4. Describe: list every image with its SHA-256 in a manifest. The digest of that list names the data set.
5. Upload: put what the bucket does not hold yet under `data/<digest>/`.

A data set consists of `<split>/<class>/<name>`, `negatives/` and `test-negatives/` (if the source has any),
`<split>.lst` for SageMaker's built-in image classification, and `manifest.json`. The manifest is written last: if it
exists, the data set is complete.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scones.contract.layout import DATA, JSON, NEGATIVES, SPLITS, TEST_NEGATIVES
from scones.contract.release import Manifest, ManifestImage
from scones.errors import DataError
from scones.progress import Progress
from scones.steps.dataset.duplicates import duplicate_groups
from scones.steps.dataset.source import Source
from scones.steps.dataset.splits import Group, Splits, split
from scones.steps.dataset.validate import CheckedImage, check, read_content
from scones.steps.storage.s3 import list_objects
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@dataclass(frozen=True)
class Staged:
    """A data set in S3: `uploaded` of its objects were uploaded now, `unchanged` were already there."""

    manifest: Manifest
    uploaded: int
    unchanged: int


@dataclass(frozen=True)
class _Object:
    """An object of the data set; `key` is relative to the data set's root, `sha256` is of an image as checked."""

    key: str
    content_type: str
    content: Path | bytes
    sha256: str | None = None


def stage(
    source: Source,
    *,
    s3: S3Client,
    bucket: str,
    seed: int = 0,
    allow_bad: int | None = None,
    progress: Progress | None = None,
) -> Staged:
    """Check, deduplicate, split, describe and upload the images of `source`.

    The same images and seed always give the same data set.

    Raises TooManyBadImagesError if more than `allow_bad` images cannot be used (None: 5 %), TooFewClassesError if there
    are fewer than two classes, TooFewImagesError if a class cannot be split, and DataError if a file cannot be read or
    changes while it is staged.
    """
    progress = progress or Progress()
    images, left_out = _check(source, allow_bad, progress)
    groups = _deduplicate(images)
    splits = split(groups, source.classes, seed)
    manifest = _describe(source, groups, splits, left_out)
    progress.note(_summary(manifest))
    return _upload(manifest, splits, s3=s3, bucket=bucket, progress=progress)


def digest(images: Iterable[ManifestImage]) -> str:
    """Return the SHA-256, as hex digits, of the sorted lines `key sha256`, each terminated by a newline."""
    lines = sorted(f"{image['key']} {image['sha256']}\n" for image in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check(source: Source, allow_bad: int | None, progress: Progress) -> tuple[list[CheckedImage], dict[str, str]]:
    images, bad = check(source.images + source.negatives, allow_bad, progress)
    # Labelled images come from drivers' cameras: one that cannot be decoded must not stop the staging.
    labels, bad_labels = check(source.labels, len(source.labels), progress)
    return images + labels, source.left_out | bad | bad_labels


def _deduplicate(images: Sequence[CheckedImage]) -> list[Group]:
    """Return groups of near-equal images, then every other image as a group of its own."""
    duplicates = duplicate_groups([image.fingerprint for image in images])
    grouped = {index for group in duplicates for index in group}
    singles = [[index] for index in range(len(images)) if index not in grouped]
    return [[images[index] for index in group] for group in duplicates + singles]


def _describe(source: Source, groups: Sequence[Group], splits: Splits, left_out: Mapping[str, str]) -> Manifest:
    images = [
        ManifestImage(key=_key(name, image), sha256=image.sha256)
        for name, members in splits.images.items()
        for image in members
    ]
    images.sort(key=lambda image: image["key"])
    labels = sum(image.source.role == "label" for members in splits.images.values() for image in members)
    counts = {name: Counter(image.source.label for image in splits.images[name]) for name in SPLITS}
    return Manifest(
        digest=digest(images),
        source=source.description + (f", {labels:,} labelled in review" if labels else ""),
        sketches=source.sketches,
        classes=list(source.classes),
        counts={name: {label: count[label] for label in source.classes} for name, count in counts.items()},
        negatives={name: len(splits.images[name]) for name in (NEGATIVES, TEST_NEGATIVES)},
        images=images,
        left_out=dict(sorted({**left_out, **splits.left_out}.items())),
        duplicates=[[image.source.key for image in group] for group in groups if len(group) > 1],
    )


def _key(name: str, image: CheckedImage) -> str:
    return f"{name}/{image.source.label}/{image.source.name}"


def _summary(manifest: Manifest) -> str:
    counts = ", ".join(f"{sum(count.values()):,} {name}" for name, count in manifest["counts"].items())
    if negatives := sum(manifest["negatives"].values()):
        counts += f", {negatives:,} negatives"
    left_out = len(manifest["left_out"])
    duplicates = len(manifest["duplicates"])
    return f"{manifest['source']}: {counts}; {left_out} left out, {duplicates} groups of near-equal images"


def _upload(manifest: Manifest, splits: Splits, *, s3: S3Client, bucket: str, progress: Progress) -> Staged:
    prefix = f"{DATA}{manifest['digest']}/"
    etags = {stored["Key"]: stored["ETag"].strip('"') for stored in list_objects(bucket, prefix, s3=s3)}

    def put(item: _Object) -> bool:
        """Upload an object unless the bucket holds the same bytes; return whether it was uploaded."""
        body = read_content(item.content)
        if item.sha256 and hashlib.sha256(body).hexdigest() != item.sha256:
            raise DataError(f"{item.key} changed while it was being staged; run the command again")
        # An ETag is the body's MD5, except under KMS, where this compares unequal and the object is uploaded again.
        if etags.get(prefix + item.key) == hashlib.md5(body, usedforsecurity=False).hexdigest():
            return False
        s3.put_object(Bucket=bucket, Key=prefix + item.key, Body=body, ContentType=item.content_type)
        return True

    images = [_image(name, image) for name, members in splits.images.items() for image in members]
    listings = [_listing(name, manifest) for name in manifest["counts"]]
    uploads = in_threads(put, images + listings, progress, "uploading")
    last = json.dumps(manifest, indent=1).encode()
    uploads.append(put(_Object("manifest.json", JSON, last)))
    if not uploads[-1]:
        # Written again, because its time is what tells which data set was staged last.
        s3.put_object(Bucket=bucket, Key=f"{prefix}manifest.json", Body=last, ContentType=JSON)
    uploaded = sum(uploads)
    total = len(uploads)
    progress.note(
        f"{uploaded:,} objects uploaded" if uploaded else f"nothing to upload: all {total:,} objects are there"
    )
    return Staged(manifest, uploaded, total - uploaded)


def _image(name: str, image: CheckedImage) -> _Object:
    return _Object(_key(name, image), image.content_type, image.source.content, image.sha256)


def _listing(name: str, manifest: Manifest) -> _Object:
    """Return `<split>.lst`: row number, class number and path within the split, separated by tabs."""
    numbers = {label: number for number, label in enumerate(manifest["classes"])}
    keys = [image["key"] for image in manifest["images"]]
    paths = [key.removeprefix(f"{name}/") for key in keys if key.startswith(f"{name}/")]
    lines = [f"{row}\t{numbers[path.partition('/')[0]]}\t{path}\n" for row, path in enumerate(paths)]
    return _Object(f"{name}.lst", "text/tab-separated-values", "".join(lines).encode())
