"""Serialize: a delivery's first state. Says which arrival it is, and puts small pictures into the data object."""

from __future__ import annotations

import base64
from typing import Any

from scones.contract import INLINE_IMAGE_BYTES, Envelope, ImageData
from scones.workflow.arrivals import arrival_id, open_picture
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    return envelope(serialize(parse_image_data(event), s3=client("s3")))


def serialize(data: ImageData, *, s3: Any) -> ImageData:
    """Return the data object with the arrival's id, and with the picture as base64 if it is under 16 KiB.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or over the limit.
    """
    stored = open_picture(data, s3=s3)
    image = stored["Body"].read() if stored["ContentLength"] < INLINE_IMAGE_BYTES else b""
    stored["Body"].close()
    known: ImageData = {**data, "image_data": base64.b64encode(image).decode("ascii")}
    # A bucket without versions says none, or "null".
    if (version := stored.get("VersionId", "null")) != "null":
        known["version_id"] = version
    if etag := stored.get("ETag", "").strip('"'):
        known["etag"] = etag
    return {**known, "arrival": arrival_id(known)}
