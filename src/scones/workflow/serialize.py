"""Serialize: the delivery's first state, which adds the arrival's id and a small image to the data object."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from scones.contract.delivery import Envelope, ImageData
from scones.contract.layout import MAX_IMAGE_BYTES, MAX_INLINE_BYTES
from scones.workflow.arrival.events import envelope, parse_image_data
from scones.workflow.arrival.image import arrival_id, open_image
from scones.workflow.clients import client
from scones.workflow.transient import retryable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@retryable
def handler(event: object, context: object) -> Envelope:
    """Serialize the image of an event. Reads IMAGE_BYTES, the endpoint's limit, from the environment."""
    # The course's own state machines do not set it.
    max_bytes = int(os.environ.get("IMAGE_BYTES") or MAX_IMAGE_BYTES)
    return envelope(serialize(parse_image_data(event), s3=client("s3"), max_bytes=max_bytes))


def serialize(data: ImageData, *, s3: S3Client, max_bytes: int = MAX_IMAGE_BYTES) -> ImageData:
    """Return the data object with the arrival's id, and with the image in base64 if it is smaller than 16 KiB.

    Raises ImageNotFoundError if the object does not exist, and ImageRejectedError if it is empty or larger than
    `max_bytes`.
    """
    response = open_image(data, s3=s3, max_bytes=max_bytes)
    image = response["Body"].read() if response["ContentLength"] < MAX_INLINE_BYTES else b""
    response["Body"].close()
    serialized: ImageData = {**data, "image_data": base64.b64encode(image).decode("ascii")}
    # Without versioning S3 returns no version; with suspended versioning it returns "null".
    version = response.get("VersionId", "null")
    if version != "null":
        serialized["version_id"] = version
    etag = response.get("ETag", "").strip('"')
    if etag:
        serialized["etag"] = etag
    serialized["arrival_id"] = arrival_id(serialized)
    return serialized
