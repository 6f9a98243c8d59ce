"""Parsing of the data object, in each of the forms in which it reaches a handler. Pure; runs in Lambda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from scones.contract.delivery import Envelope, ImageData
from scones.errors import EventError

_STRINGS: Final = ("version_id", "etag", "arrival_id", "model", "decision")
_NUMBERS: Final = ("novelty", "threshold")


def parse_image_data(event: object) -> ImageData:
    """Return the data object of a Lambda event.

    Accepts the object itself, as a JSON string, in `{"statusCode", "body": object or JSON string}`, and as
    EventBridge's S3 "Object Created" event; a JSON string may be encoded more than once. Raises EventError, with the
    name of the missing field, for any other event.
    """
    document = _object(event)
    if "body" in document:
        document = _object(document["body"])
    if document.get("source") == "aws.s3":
        return _from_object_created(document)
    data = ImageData(
        image_data=_string(document, "image_data", ""),
        s3_bucket=_string(document, "s3_bucket"),
        s3_key=_string(document, "s3_key"),
        inferences=_probabilities(document.get("inferences", [])),
    )
    _add_optional_fields(data, document)
    return data


def envelope(data: ImageData) -> Envelope:
    """Return the data object in the envelope that the course's state machines expect."""
    return {"statusCode": 200, "body": data}


def _add_optional_fields(data: ImageData, document: Mapping[str, Any]) -> None:
    # A field of another type is left out: the course's handlers may use the same names for other things.
    labels = document.get("labels")
    if isinstance(labels, list):
        data["labels"] = [str(label) for label in labels]
    for name in _STRINGS:
        string = document.get(name)
        if isinstance(string, str) and string:
            data[name] = string
    for name in _NUMBERS:
        number = document.get(name)
        if isinstance(number, int | float):
            data[name] = float(number)  # type: ignore[literal-required]


def _object(value: object) -> Mapping[str, Any]:
    # Each state of the course may dump the body once more, so that a string may hold a string.
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise EventError(
                f"the event is a string but not JSON ({type(error).__name__}); send the data object"
            ) from error
    if not isinstance(value, Mapping):
        raise EventError(f"the event has a {type(value).__name__} where the data object is expected")
    return value


def _from_object_created(event: Mapping[str, Any]) -> ImageData:
    detail = _object(event.get("detail"))
    bucket = _object(detail.get("bucket"))
    s3_object = _object(detail.get("object"))
    data = ImageData(image_data="", s3_bucket=_string(bucket, "name"), s3_key=_string(s3_object, "key"), inferences=[])
    version = _string(s3_object, "version-id", "")
    if version:
        data["version_id"] = version
    etag = _string(s3_object, "etag", "")
    if etag:
        data["etag"] = etag
    return data


def _string(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a field, which is required and not empty if it has no default."""
    value = document.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise EventError(f'the event has no "{name}"; it needs image_data, s3_bucket, s3_key and inferences')
    return value


def _probabilities(value: object) -> list[float]:
    # The course's Classify leaves the endpoint's response as the string that it is.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise EventError("inferences is a string that is not a JSON list") from error
    if not isinstance(value, list) or not all(map(_is_number, value)):
        raise EventError("inferences is not a list of numbers")
    return [float(probability) for probability in value]


def _is_number(value: object) -> bool:
    # In Python a boolean is an int, too.
    return isinstance(value, int | float) and not isinstance(value, bool)
