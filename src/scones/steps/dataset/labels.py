"""Review answers as training data: `labels/<arrival>.json` in S3, each with a copy of its image beside it.

An image is named by its arrival's id, and the reviewer's name stays in the bucket. `splits.py` decides about a label
that shows the same as a source image, or that contradicts another label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.layout import LABELS, MAX_IMAGE_BYTES, NEITHER
from scones.progress import Progress
from scones.steps.dataset.source import Source, SourceImage
from scones.steps.storage.s3 import list_objects
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MAX_LABEL_BYTES: Final = 64 * 1024
# Deduplication compares all images with all; a busy depot gets fewer labels than this in a year.
MAX_LABELS: Final = 20_000
_KEY: Final = re.compile(rf"(?P<stem>{LABELS}[0-9a-f]{{32}})\.json")


class BadLabelError(Exception):
    """A label cannot be used; the message becomes its reason in `left_out`."""


class LabelledImage(TypedDict):
    """The fields of a `Label` that training needs."""

    image_key: str
    answer: str


def with_labels(source: Source, bucket: str, folder: Path, *, s3: S3Client, progress: Progress) -> Source:
    """Return the source with the labelled images of `bucket`, downloaded into `folder`.

    Labels that cannot be used are in the `left_out` of the result, with the reason.
    """
    keys = _newest(bucket, s3=s3, progress=progress)
    if not keys:
        progress.note("no labels yet: the answers that people give to `scones review` become labels")
    names = {(image.label, image.name) for image in source.images + source.negatives}
    downloads = _LabelDownloads(bucket, folder, source.classes, names, s3)
    results = in_threads(downloads.download, keys, progress, "downloading labels")
    reasons = {key: result for key, result in zip(keys, results, strict=True) if isinstance(result, str)}
    labels = tuple(result for result in results if isinstance(result, SourceImage))
    return replace(source, labels=labels, left_out=reasons)


def parse_label(body: bytes, key: str, classes: Collection[str]) -> LabelledImage:
    """Parse the `Label` at `key`. Raises BadLabelError if it is invalid, or if its answer is not a known class."""
    try:
        label = json.loads(body)
        # Version 0.1.0 called the key "picture".
        image_key = label["image_key"] if "image_key" in label else label["picture"]
        answer = label["answer"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadLabelError("it must be JSON with image_key and answer") from error
    match = _KEY.fullmatch(key)
    if not match:
        raise BadLabelError("its name must be an arrival's id")
    # The suffix becomes part of a local path: it must not lead out of the folder.
    if not isinstance(image_key, str) or not re.fullmatch(rf"{match['stem']}(\.\w{{1,8}})?", image_key, re.ASCII):
        raise BadLabelError("its image is not the copy beside it")
    known = (*classes, NEITHER)
    if answer not in known:
        raise BadLabelError(f"its answer must be one of {', '.join(known)}")
    return LabelledImage(image_key=image_key, answer=answer)


@dataclass(frozen=True)
class _LabelDownloads:
    """Downloads labelled images from `bucket` into `folder`; `names` are (label, name) of the source's images."""

    bucket: str
    folder: Path
    classes: Collection[str]
    names: Set[tuple[str, str]]
    s3: S3Client

    def download(self, key: str) -> SourceImage | str:
        """Return the labelled image, or the reason why the label cannot be used."""
        try:
            label = parse_label(self._read(key, MAX_LABEL_BYTES), key, self.classes)
            name = PurePosixPath(label["image_key"]).name
            if (label["answer"], name) in self.names:
                # A data set that was staged with labels and downloaded again has them as its own images.
                raise BadLabelError("the source has an image of the same name")
            path = self.folder / name
            path.write_bytes(self._read(label["image_key"], MAX_IMAGE_BYTES))
            return SourceImage(None, label["answer"], name, path, role="label")
        except BadLabelError as error:
            return str(error)

    def _read(self, key: str, max_bytes: int) -> bytes:
        try:
            stored = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                raise BadLabelError(f"{key} is not there") from error
            raise
        if stored["ContentLength"] > max_bytes:
            stored["Body"].close()
            raise BadLabelError(f"{key} is larger than {max_bytes >> 10:,} KiB")
        return stored["Body"].read()


def _newest(bucket: str, *, s3: S3Client, progress: Progress) -> list[str]:
    """Return the keys of the newest `MAX_LABELS` labels, sorted."""
    labels = [stored for stored in list_objects(bucket, LABELS, s3=s3) if stored["Key"].endswith(".json")]
    labels.sort(key=lambda stored: (stored["LastModified"], stored["Key"]))
    if len(labels) > MAX_LABELS:
        progress.note(f"using the newest {MAX_LABELS:,} of {len(labels):,} labels")
    return sorted(stored["Key"] for stored in labels[-MAX_LABELS:])
