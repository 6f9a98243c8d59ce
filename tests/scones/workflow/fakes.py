"""Fakes of AWS's clients, and a data object, for the handlers' tests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from hashlib import md5
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import ImageData


def data(**values: Any) -> ImageData:
    """Return the data object of an arrival, with `values` added or replaced."""
    fields: dict[str, Any] = {"image_data": "", "s3_bucket": "depot", "s3_key": "arrivals/anna/1.png", "inferences": []}
    return ImageData(**(fields | values))


class Bucket:
    """An S3 client with the objects of one bucket. With `write_error`, a write raises that."""

    def __init__(self, *, write_error: Exception | None = None, **objects: bytes) -> None:
        self.write_error = write_error
        self.objects = {f"arrivals/anna/{name}.png": content for name, content in objects.items()}

    def get_object(self, Bucket: str, Key: str, VersionId: str = "v2") -> dict[str, Any]:
        content = self._content(Key)
        if VersionId == "v1":
            content += b" before"
        etag = f'"{md5(content, usedforsecurity=False).hexdigest()}"'
        return {"ContentLength": len(content), "Body": io.BytesIO(content), "VersionId": VersionId, "ETag": etag}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        if self.write_error:
            raise self.write_error
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


class FailingClient:
    """A client of any service whose one operation raises an error, by default that of a failing service."""

    def __init__(self, operation: str, error: Exception | None = None) -> None:
        unavailable = {"Error": {"Code": "ServiceUnavailable"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
        self._error = error or ClientError(unavailable, operation)
        setattr(self, operation, self._fail)

    def _fail(self, **request: object) -> None:
        raise self._error


class Crash(BaseException):
    """The end of a Lambda's process: no code of the handler runs after it, as after SIGKILL."""


class CrashingClients:
    """Wraps clients that crash at the call number `at`: before the call is made, or `after` it.

    The calls of all wrapped clients are counted together, in `calls`.
    """

    def __init__(self, at: int, after: bool) -> None:
        self.calls = 0
        self.at = at
        self.after = after

    def wrap(self, client: Any) -> Any:
        """Return a client that passes every call on to `client` and counts it."""
        crashing = self

        class Wrapped:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                def call(*arguments: str, **request: Any) -> Any:
                    crashing.calls += 1
                    is_crash = crashing.calls == crashing.at
                    if is_crash and not crashing.after:
                        raise Crash
                    response = getattr(client, name)(*arguments, **request)
                    if is_crash:
                        raise Crash
                    return response

                return call

        return Wrapped()
