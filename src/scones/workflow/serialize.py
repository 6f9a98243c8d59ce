"""Serialize: a delivery's first state. Looks at the arrival's object and puts small pictures into the data object."""

from __future__ import annotations

import base64
from typing import Any

from botocore.exceptions import ClientError

from scones.contract import IMAGE_BYTES, INLINE_IMAGE_BYTES, Envelope, ImageData
from scones.errors import ImageNotFoundError, ImageRejectedError
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    return envelope(serialize(parse_image_data(event), s3=client("s3")))


def serialize(data: ImageData, *, s3: Any) -> ImageData:
    """Return the data object with the picture as base64 if it is under 64 KiB, and without it otherwise.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or over the limit.
    """
    bucket, key = data["s3_bucket"], data["s3_key"]
    size = _object_size(bucket, key, s3=s3)
    if not 0 < size <= IMAGE_BYTES:
        raise ImageRejectedError(f"s3://{bucket}/{key} has {size} bytes; a picture has 1 to {IMAGE_BYTES}")
    image = s3.get_object(Bucket=bucket, Key=key)["Body"].read() if size < INLINE_IMAGE_BYTES else b""
    return {**data, "image_data": base64.b64encode(image).decode("ascii")}


def _object_size(bucket: str, key: str, *, s3: Any) -> int:
    try:
        return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise ImageNotFoundError(f"s3://{bucket}/{key} does not exist; was it deleted after it arrived?") from error
        raise
