"""Serialize with a fake bucket."""

from __future__ import annotations

import base64

import pytest

from scones.contract.layout import MAX_INLINE_BYTES
from scones.errors import ImageNotFoundError, ImageRejectedError
from scones.workflow.serialize import serialize

from .fakes import Bucket, data


def test_a_small_image_is_put_into_the_data_object() -> None:
    serialized = serialize(data(), s3=Bucket(**{"1": b"image"}))
    assert base64.b64decode(serialized["image_data"]) == b"image"


def test_a_large_image_stays_in_the_bucket() -> None:
    assert serialize(data(), s3=Bucket(**{"1": b"x" * MAX_INLINE_BYTES}))["image_data"] == ""


def test_the_version_of_the_event_is_read_and_its_content_identifies_the_arrival() -> None:
    bucket = Bucket(**{"1": b"image"})
    first = serialize(data(version_id="v1"), s3=bucket)
    second = serialize(data(version_id="v2"), s3=bucket)
    assert base64.b64decode(first["image_data"]) == b"image before"
    assert first["arrival_id"] != second["arrival_id"]
    # The fake bucket's newest version is v2.
    assert second["arrival_id"] == serialize(data(etag=second["etag"]), s3=bucket)["arrival_id"]
    assert second["arrival_id"] == serialize(data(), s3=bucket)["arrival_id"]


def test_a_missing_image_raises_image_not_found() -> None:
    with pytest.raises(ImageNotFoundError, match=r"s3://depot/arrivals/anna/1\.png"):
        serialize(data(), s3=Bucket())


def test_an_empty_image_is_rejected() -> None:
    with pytest.raises(ImageRejectedError, match="0 bytes"):
        serialize(data(), s3=Bucket(**{"1": b""}))


def test_an_image_above_the_limit_is_rejected() -> None:
    with pytest.raises(ImageRejectedError, match="5 bytes; the endpoint accepts images of 1 to 4"):
        serialize(data(), s3=Bucket(**{"1": b"image"}), max_bytes=4)
