"""Fakes of AWS's clients, and a data object, for the handlers' tests."""

from __future__ import annotations

import io
import json
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import ImageData


def data(**values: Any) -> ImageData:
    """Return the data object of an arrival, with `values` added or replaced."""
    fields: dict[str, Any] = {"image_data": "", "s3_bucket": "depot", "s3_key": "arrivals/anna/1.png", "inferences": []}
    return ImageData(**(fields | values))


class Bucket:
    """An S3 client with the objects of one bucket. With `read_only`, it refuses to write."""

    def __init__(self, *, read_only: bool = False, **objects: bytes) -> None:
        self.read_only = read_only
        self.objects = {f"arrivals/anna/{name}.png": content for name, content in objects.items()}

    def get_object(self, Bucket: str, Key: str, VersionId: str = "v2") -> dict[str, Any]:
        content = self._content(Key)
        if VersionId == "v1":
            content += b" before"
        return {"ContentLength": len(content), "Body": io.BytesIO(content), "VersionId": VersionId, "ETag": '"e"'}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        if self.read_only:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        self.objects[Key] = Body

    def _content(self, key: str) -> bytes:
        if key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return self.objects[key]


class Runtime:
    """A sagemaker-runtime client that returns one response, or raises it. `request` is the last request."""

    def __init__(self, response: object) -> None:
        self.response = response
        self.request: dict[str, Any] = {}

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.request = request
        if isinstance(self.response, Exception):
            raise self.response
        return {"Body": io.BytesIO(json.dumps(self.response).encode())}
