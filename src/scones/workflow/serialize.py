"""Serialize: a delivery's first state. Says which arrival it is, and puts small pictures into the data object."""

from __future__ import annotations

import base64
import os
from typing import Any

from scones.contract.delivery import Envelope, ImageData
from scones.contract.layout import IMAGE_BYTES, INLINE_IMAGE_BYTES
from scones.workflow.arrivals import arrival_id, open_picture
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    # In the course's own state machines nothing says what the endpoint takes.
    most = int(os.environ.get("IMAGE_BYTES") or IMAGE_BYTES)
    return envelope(serialize(parse_image_data(event), s3=client("s3"), most=most))


def serialize(data: ImageData, *, s3: Any, most: int = IMAGE_BYTES) -> ImageData:
    """Return the data object with the arrival's id, and with the picture as base64 if it is under 16 KiB.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or over `most` bytes.
    """
    stored = open_picture(data, s3=s3, most=most)
    image = stored["Body"].read() if stored["ContentLength"] < INLINE_IMAGE_BYTES else b""
    stored["Body"].close()
    known: ImageData = {**data, "image_data": base64.b64encode(image).decode("ascii")}
    # A bucket without versions says none, or "null".
    if (version := stored.get("VersionId", "null")) != "null":
        known["version_id"] = version
    if etag := stored.get("ETag", "").strip('"'):
        known["etag"] = etag
    return {**known, "arrival_id": arrival_id(known)}
