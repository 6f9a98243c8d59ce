"""An arrival's object in S3, opened once for whoever needs it. Runs in Lambda."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from scones.contract import IMAGE_BYTES, ImageData
from scones.errors import ImageNotFoundError, ImageRejectedError


def open_picture(data: ImageData, *, s3: Any) -> tuple[int, Any]:
    """Return the picture's size in bytes and its unread body, which the caller reads or closes.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or over the limit.
    """
    bucket, key = data["s3_bucket"], data["s3_key"]
    try:
        stored = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            raise ImageNotFoundError(f"s3://{bucket}/{key} does not exist; was it deleted after it arrived?") from error
        raise
    size = int(stored["ContentLength"])
    if not 0 < size <= IMAGE_BYTES:
        stored["Body"].close()
        raise ImageRejectedError(f"s3://{bucket}/{key} has {size} bytes; a picture has 1 to {IMAGE_BYTES}")
    return size, stored["Body"]
