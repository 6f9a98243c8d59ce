"""Serialize: a delivery's first state. Looks at the arrival's object and puts small pictures into the data object."""

from __future__ import annotations

import base64
from typing import Any

from scones.contract import INLINE_IMAGE_BYTES, Envelope, ImageData
from scones.workflow.arrivals import open_picture
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data


def handler(event: object, context: object) -> Envelope:
    return envelope(serialize(parse_image_data(event), s3=client("s3")))


def serialize(data: ImageData, *, s3: Any) -> ImageData:
    """Return the data object with the picture as base64 if it is under 64 KiB, and without it otherwise.

    Raises ImageNotFoundError where the object is gone, ImageRejectedError where it is empty or over the limit.
    """
    size, body = open_picture(data, s3=s3)
    image = body.read() if size < INLINE_IMAGE_BYTES else b""
    body.close()
    return {**data, "image_data": base64.b64encode(image).decode("ascii")}
