"""An arrival's id, and its image in a fake bucket."""

from __future__ import annotations

import pytest

from scones.errors import ImageNotFoundError, ImageRejectedError
from scones.workflow.arrival.image import arrival_id, open_image

from ..fakes import Bucket, data


def test_an_arrivals_id_depends_on_bucket_key_and_content_alone() -> None:
    arrival = arrival_id(data(etag="e1"))
    assert len(arrival) == 32
    assert arrival == arrival_id(data(etag="e1", version_id="v1", inferences=[1.0]))
    others = [data(etag="e2"), data(etag="e1", s3_bucket="b"), data(etag="e1", s3_key="k")]
    assert len({arrival, *map(arrival_id, others)}) == 4


def test_without_an_etag_the_version_identifies_the_arrival() -> None:
    assert arrival_id(data(version_id="v1")) != arrival_id(data(version_id="v2"))


def test_an_opened_image_has_an_unread_body() -> None:
    response = open_image(data(version_id="v1"), s3=Bucket(**{"1": b"image"}))
    assert response["Body"].read() == b"image before"


def test_an_image_that_cannot_be_opened_raises_a_named_error() -> None:
    with pytest.raises(ImageNotFoundError):
        open_image(data(), s3=Bucket())
    with pytest.raises(ImageRejectedError, match="1 to 4"):
        open_image(data(), s3=Bucket(**{"1": b"image"}), max_bytes=4)
