"""Reads the data object out of whatever form it reaches a handler in. Pure; runs in Lambda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from scones.contract.delivery import Envelope, ImageData
from scones.errors import EventError

_TEXTS: Final = ("version_id", "etag", "arrival_id", "model", "decision")
_NUMBERS: Final = ("novelty", "threshold")


def parse_image_data(event: object) -> ImageData:
    """Return the data object of a Lambda event.

    Accepts the object bare, as a JSON string, in `{"statusCode", "body": object or JSON string}`, and as EventBridge's
    S3 "Object Created" event; a JSON string may be encoded more than once. Raises EventError, naming what is missing.
    """
    found = _object(event)
    if "body" in found:
        found = _object(found["body"])
    if found.get("source") == "aws.s3":
        return _from_object_created(found)
    data = ImageData(
        image_data=_text(found, "image_data", ""),
        s3_bucket=_text(found, "s3_bucket"),
        s3_key=_text(found, "s3_key"),
        inferences=_numbers(found.get("inferences", [])),
    )
    if isinstance(labels := found.get("labels"), list):
        data["labels"] = [str(label) for label in labels]
    for name in _TEXTS:
        if isinstance(text := found.get(name), str) and text:
            data[name] = text
    for name in _NUMBERS:
        if isinstance(number := found.get(name), int | float):
            data[name] = float(number)  # type: ignore[literal-required]
    return data


def envelope(data: ImageData) -> Envelope:
    """Wrap the data object as the course's state machines expect it."""
    return {"statusCode": 200, "body": data}


def _object(value: object) -> Mapping[str, Any]:
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise EventError(f"the event's text is not JSON ({type(error).__name__}); send the data object") from error
    if not isinstance(value, Mapping):
        raise EventError(f"the event holds a {type(value).__name__} where the data object is expected")
    return value


def _from_object_created(event: Mapping[str, Any]) -> ImageData:
    detail = _object(event.get("detail"))
    bucket, stored = _object(detail.get("bucket")), _object(detail.get("object"))
    found = ImageData(image_data="", s3_bucket=_text(bucket, "name"), s3_key=_text(stored, "key"), inferences=[])
    if version := _text(stored, "version-id", ""):
        found["version_id"] = version
    if etag := _text(stored, "etag", ""):
        found["etag"] = etag
    return found


def _text(found: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = found.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise EventError(f'the event has no "{name}"; it needs image_data, s3_bucket, s3_key and inferences')
    return value


def _numbers(value: object) -> list[float]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise EventError("inferences is a text that is not a JSON list") from error
    if not isinstance(value, list) or not all(isinstance(p, int | float) and not isinstance(p, bool) for p in value):
        raise EventError("inferences is not a list of numbers")
    return [float(p) for p in value]
