"""People's answers from review as training data: `labels/<arrival>.json` in S3, and the pictures that they are about.

Runs where the operator sits. Who answered stays in the bucket: a picture is named by its arrival. What becomes of one
that the source shows too, or that people disagree on, is for `splits.py` to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Set
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypedDict

from botocore.exceptions import ClientError

from scones.contract.layout import IMAGE_BYTES, LABELS, NEITHER
from scones.progress import Progress
from scones.steps.dataset.source import LABELLED, Source, SourceImage
from scones.steps.storage.threads import in_threads

MOST_BYTES: Final = 64 * 1024
# All pictures are compared with all; a year of a busy depot is less.
MOST_LABELS: Final = 20_000
_KEY: Final = re.compile(rf"(?P<stem>{LABELS}[0-9a-f]{{32}})\.json")


class BadLabelError(Exception):
    """Why an answer teaches nothing; its text becomes the reason in `left_out`."""


class LabelledImage(TypedDict):
    """What training needs of a `Label`."""

    image_key: str
    answer: str


def with_labels(source: Source, bucket: str, folder: Path, *, s3: Any, progress: Progress) -> Source:
    """Return the source with the labelled pictures of `bucket`, downloaded into `folder`.

    What is no label, or has no picture, is in the source's `left_out` with the reason.
    """
    keys = _newest(bucket, s3=s3, progress=progress)
    if not keys:
        progress.note("no labels yet: the answers that people give to `scones review` become labels")
    names = {(image.label, image.name) for image in source.images + source.negatives}
    take = partial(_take, bucket=bucket, folder=folder, classes=source.classes, names=names, s3=s3)
    found = dict(zip(keys, in_threads(take, keys, progress, "taking in labels"), strict=True))
    return replace(
        source,
        labels=tuple(image for image in found.values() if isinstance(image, SourceImage)),
        left_out={key: reason for key, reason in found.items() if isinstance(reason, str)},
    )


def parse_label(body: bytes, key: str, classes: Collection[str]) -> LabelledImage:
    """Read the `Label` at `key`. Raises BadLabelError for whatever is none, or answers with what is no class."""
    try:
        label = json.loads(body)
        # Version 0.1.0 called the key "picture".
        image_key = label["image_key"] if "image_key" in label else label["picture"]
        answer = label["answer"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadLabelError("it must be JSON with image_key and answer") from error
    match = _KEY.fullmatch(key)
    if not match:
        raise BadLabelError("its name is no arrival's id")
    if not isinstance(image_key, str) or not re.fullmatch(rf"{match['stem']}(\.\w{{1,8}})?", image_key, re.ASCII):
        raise BadLabelError("its image is not the copy beside it")
    known = (*classes, NEITHER)
    if answer not in known:
        raise BadLabelError(f"its answer is none of {', '.join(known)}")
    return LabelledImage(image_key=image_key, answer=answer)


def _take(
    key: str, *, bucket: str, folder: Path, classes: Collection[str], names: Set[tuple[str, str]], s3: Any
) -> SourceImage | str:
    """The labelled picture, downloaded, or the reason why there is none; `names` are taken already."""
    try:
        label = parse_label(_read(bucket, key, MOST_BYTES, s3=s3), key, classes)
        name = PurePosixPath(label["image_key"]).name
        if (label["answer"], name) in names:
            raise BadLabelError("the source has a picture of its name")
        (folder / name).write_bytes(_read(bucket, label["image_key"], IMAGE_BYTES, s3=s3))
        return SourceImage(LABELLED, label["answer"], name, folder / name)
    except BadLabelError as error:
        return str(error)


def _newest(bucket: str, *, s3: Any, progress: Progress) -> list[str]:
    """The keys of the labels, sorted; of too many the newest."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=LABELS)
    stored = [item for page in pages for item in page.get("Contents", ()) if item["Key"].endswith(".json")]
    stored.sort(key=lambda item: (item["LastModified"], item["Key"]))
    if len(stored) > MOST_LABELS:
        progress.note(f"the newest {MOST_LABELS:,} of {len(stored):,} labels are taken")
    return sorted(item["Key"] for item in stored[-MOST_LABELS:])


def _read(bucket: str, key: str, most: int, *, s3: Any) -> bytes:
    try:
        stored = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            raise BadLabelError(f"{key} is not there") from error
        raise
    if stored["ContentLength"] > most:
        stored["Body"].close()
        raise BadLabelError(f"{key} is larger than {most >> 10:,} KiB")
    body: bytes = stored["Body"].read()
    return body
