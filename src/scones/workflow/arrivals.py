"""An arrival's picture in S3: who it is, and how it is opened, once for whoever needs it. Runs in Lambda."""

from __future__ import annotations

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import ImageData
from scones.contract.layout import IMAGE_BYTES
from scones.errors import ImageNotFoundError, ImageRejectedError


def arrival_id(data: ImageData) -> str:
    """Return what one arrival is known by: the same for each event that tells of the same version of an object."""
    version = data.get("version_id") or data.get("etag", "")
    return hashlib.sha256("\n".join((data["s3_bucket"], data["s3_key"], version)).encode()).hexdigest()[:32]


def open_picture(data: ImageData, *, s3: Any, most: int = IMAGE_BYTES) -> dict[str, Any]:
    """Return S3's answer, with the picture's unread `Body`, which the caller reads or closes.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or has over `most` bytes,
    which is what the endpoint takes.
    """
    bucket, key = data["s3_bucket"], data["s3_key"]
    version = {"VersionId": data["version_id"]} if data.get("version_id") else {}
    try:
        stored: dict[str, Any] = s3.get_object(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
            raise ImageNotFoundError(f"s3://{bucket}/{key} does not exist; was it deleted after it arrived?") from error
        raise
    size = int(stored["ContentLength"])
    if not 0 < size <= most:
        stored["Body"].close()
        raise ImageRejectedError(f"s3://{bucket}/{key} has {size} bytes; the endpoint takes pictures of 1 to {most}")
    return stored
