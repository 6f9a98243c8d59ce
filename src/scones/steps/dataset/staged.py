"""Data sets that are staged in the bucket, found by the first characters of their digest or as the newest one."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from scones.contract.layout import DATA
from scones.errors import DataNotFoundError
from scones.progress import Progress
from scones.steps.run.names import by_prefix
from scones.steps.storage.s3 import find_object
from scones.steps.storage.threads import in_threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_DIGEST_PREFIX: Final = re.compile(r"[0-9a-f]{1,64}", re.ASCII)
_DIGEST_CHARS: Final = 64


def find_digest(prefix: str, bucket: str, *, s3: S3Client) -> str:
    """Return the digest of the data set that begins with `prefix`, in any case; a whole digest is returned unchanged.

    Raises DataNotFoundError if no data set does, UsageError if several do.
    """
    lowered = prefix.lower()
    # Before S3 is asked, because a slash or an empty prefix would list something else.
    if not _DIGEST_PREFIX.fullmatch(lowered):
        raise DataNotFoundError(f"{prefix} is not the beginning of a digest; run `scones stage` and use what it prints")
    if len(lowered) == _DIGEST_CHARS:
        return lowered
    complete = _staged_at(_digests(lowered, bucket, s3=s3), bucket, s3=s3)
    digest = by_prefix(lowered, complete, "data sets")
    if digest is None:
        raise DataNotFoundError(f"data set {prefix} does not exist; run `scones stage` and use the digest it prints")
    return digest


def newest_digest(bucket: str, *, s3: S3Client) -> tuple[str, datetime]:
    """Return the digest of the newest data set, and when it was staged. Raises DataNotFoundError without a data set."""
    staged_at = _staged_at(_digests("", bucket, s3=s3), bucket, s3=s3)
    if not staged_at:
        raise DataNotFoundError("no data set is staged; run `scones stage` first")
    newest = max(staged_at, key=lambda digest: (staged_at[digest], digest))
    return newest, staged_at[newest]


def _digests(prefix: str, bucket: str, *, s3: S3Client) -> list[str]:
    # The delimiter makes S3 return one entry for each data set instead of one for each of its images.
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=DATA + prefix, Delimiter="/")
    folders = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", ())]
    return [folder.removeprefix(DATA).rstrip("/") for folder in folders]


def _staged_at(digests: list[str], bucket: str, *, s3: S3Client) -> dict[str, datetime]:
    """Return digest -> time of its manifest. A data set without a manifest is incomplete, and left out."""
    times = in_threads(partial(_manifest_time, bucket, s3=s3), digests, Progress(), "")
    return {digest: time for digest, time in zip(digests, times, strict=True) if time}


def _manifest_time(bucket: str, digest: str, *, s3: S3Client) -> datetime | None:
    manifest = find_object(bucket, f"{DATA}{digest}/manifest.json", s3=s3)
    return manifest["LastModified"] if manifest else None
