"""`scones stage`: images in, a checked, deduplicated, split and uploaded data set out.

Runs where the operator sits. In S3 a data set lies under `data/<digest>/`: `<split>/<class>/<name>`, `negatives/` and
`test-negatives/` where there are any, `<split>.lst` for SageMaker's built-in image classification, and
`manifest.json`, written last: where it is, the data set is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scones.contract.layout import DATA, JSON, NEGATIVES, SPLITS, TEST_NEGATIVES
from scones.contract.release import Manifest, ManifestImage
from scones.errors import DataError
from scones.progress import Progress
from scones.steps.dataset.duplicates import duplicate_groups
from scones.steps.dataset.source import LABELLED, Source
from scones.steps.dataset.splits import Assignment, Group, assign, labels_apart, set_apart
from scones.steps.dataset.validate import CheckedImage, check, read
from scones.steps.storage.threads import in_threads

_PLACES: Final = (*SPLITS, NEGATIVES, TEST_NEGATIVES)


@dataclass(frozen=True)
class Staged:
    """A data set that lies in S3; of its objects `uploaded` were sent now and `unchanged` were there already."""

    manifest: Manifest
    uploaded: int
    unchanged: int


@dataclass(frozen=True)
class _Object:
    """One S3 object to be; `key` is relative to the data set's root."""

    key: str
    content_type: str
    content: Path | bytes
    sha256: str | None = None


def stage(
    source: Source,
    *,
    s3: Any,
    bucket: str,
    seed: int = 0,
    allow_bad: int | None = None,
    progress: Progress | None = None,
) -> Staged:
    """Check, deduplicate and split `source`, and upload what `bucket` does not hold yet.

    The same images and seed give the same data set. Raises TooManyBadImagesError for more than `allow_bad` unreadable
    files (None: 5 %), TooFewClassesError, TooFewImagesError, DataError for a file that the disk will not give.
    """
    progress = progress or Progress()
    checked, bad = check(source.images + source.negatives, allow_bad, progress)
    labelled, unreadable = check(source.labels, len(source.labels), progress)
    checked += labelled
    together = duplicate_groups([image.fingerprint for image in checked])
    duplicates = [[checked[index].image.key for index in group] for group in together]
    found = _assign(_with_singles(checked, together), source.classes, seed)
    left_out = source.left_out | bad | unreadable | found.left_out
    manifest = _manifest(source, found.splits, left_out, duplicates)
    progress.note(_summary(manifest))
    objects = [_image(split, image) for split, images in found.splits.items() for image in images]
    return _upload(manifest, objects, s3=s3, bucket=bucket, progress=progress)


def _assign(groups: Sequence[Group], classes: Sequence[str], seed: int) -> Assignment:
    source, taught = labels_apart(groups)
    vehicles, others = set_apart(source, seed)
    parts = (assign(vehicles, classes, seed), others, taught)
    splits = {split: [i for part in parts for i in part.splits.get(split, ())] for split in _PLACES}
    return Assignment(splits, {key: reason for part in parts for key, reason in part.left_out.items()})


def _upload(manifest: Manifest, images: list[_Object], *, s3: Any, bucket: str, progress: Progress) -> Staged:
    prefix = f"{DATA}{manifest['digest']}/"
    there = _etags(s3, bucket, prefix)
    objects = images + [_listing(split, manifest) for split in manifest["counts"]]
    sent = in_threads(lambda item: _put(item, s3, bucket, prefix, there), objects, progress, "uploading")
    last = _Object("manifest.json", JSON, json.dumps(manifest, indent=1).encode())
    sent.append(_put(last, s3, bucket, prefix, there))
    uploaded, total = sum(sent), len(sent)
    progress.note(
        f"{uploaded:,} objects uploaded" if uploaded else f"nothing to upload: all {total:,} objects are there"
    )
    return Staged(manifest, uploaded, total - uploaded)


def _with_singles(checked: Sequence[CheckedImage], together: list[list[int]]) -> list[Group]:
    grouped = {index for group in together for index in group}
    singles = [[index] for index in range(len(checked)) if index not in grouped]
    return [[checked[index] for index in group] for group in together + singles]


def _key(split: str, image: CheckedImage) -> str:
    return f"{split}/{image.image.label}/{image.image.name}"


def _manifest(
    source: Source, splits: dict[str, list[CheckedImage]], left_out: dict[str, str], duplicates: list[list[str]]
) -> Manifest:
    images = [ManifestImage(key=_key(split, i), sha256=i.sha256) for split, group in splits.items() for i in group]
    images.sort(key=lambda image: image["key"])
    labels = sum(image.image.split == LABELLED for group in splits.values() for image in group)
    counted = {split: Counter(image.image.label for image in splits[split]) for split in SPLITS}
    return Manifest(
        digest=digest(images),
        source=source.description + (f", {labels:,} labelled in review" if labels else ""),
        sketches=source.sketches,
        classes=list(source.classes),
        counts={split: {label: n[label] for label in source.classes} for split, n in counted.items()},
        negatives={split: len(splits[split]) for split in (NEGATIVES, TEST_NEGATIVES)},
        images=images,
        left_out=dict(sorted(left_out.items())),
        duplicates=duplicates,
    )


def digest(images: Iterable[ManifestImage]) -> str:
    """Return the SHA-256, as hex digits, of the sorted lines `key sha256`, each ended by a newline."""
    lines = sorted(f"{image['key']} {image['sha256']}\n" for image in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _summary(manifest: Manifest) -> str:
    counts = ", ".join(f"{sum(n.values()):,} {split}" for split, n in manifest["counts"].items())
    if others := sum(manifest["negatives"].values()):
        counts += f", {others:,} of other things"
    left_out, duplicates = len(manifest["left_out"]), len(manifest["duplicates"])
    return f"{manifest['source']}: {counts}; {left_out} left out, {duplicates} groups of near-equal images"


def _image(split: str, image: CheckedImage) -> _Object:
    return _Object(_key(split, image), image.content_type, image.image.content, image.sha256)


def _listing(split: str, manifest: Manifest) -> _Object:
    """Return `<split>.lst`: row number, class number and path within the split, separated by tabs."""
    numbers = {label: number for number, label in enumerate(manifest["classes"])}
    paths = [i["key"].partition("/")[2] for i in manifest["images"] if i["key"].startswith(f"{split}/")]
    lines = [f"{row}\t{numbers[path.partition('/')[0]]}\t{path}\n" for row, path in enumerate(paths)]
    return _Object(f"{split}.lst", "text/tab-separated-values", "".join(lines).encode())


def _etags(s3: Any, bucket: str, prefix: str) -> dict[str, str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", ())}


def _put(item: _Object, s3: Any, bucket: str, prefix: str, there: dict[str, str]) -> bool:
    """Upload unless the bucket holds the same bytes (an ETag is their MD5, but under KMS); return whether it did."""
    body = read(item.content)
    if item.sha256 and hashlib.sha256(body).hexdigest() != item.sha256:
        raise DataError(f"{item.key} changed while it was being staged; run the command again")
    if there.get(prefix + item.key) == hashlib.md5(body, usedforsecurity=False).hexdigest():
        return False
    s3.put_object(Bucket=bucket, Key=prefix + item.key, Body=body, ContentType=item.content_type)
    return True
