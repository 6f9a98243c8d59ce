"""The endpoint's ASGI application: `GET /ping` and `POST /invocations`, pictures in, probabilities out.

Runs inside `serve`. A request that it cannot answer is a 4xx with a named error; one that it has no room for is a 503
with Retry-After. It keeps nothing of a request. Source: SageMaker's "Custom Inference Code with Hosting Services".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from scones.contract import IMAGE_BYTES, IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES, Inference
from scones.errors import ImageRejectedError
from scones.model import lines
from scones.model.batches import Batches
from scones.model.classifier import Classifier
from scones.model.container import cpus
from scones.model.predictions import Picture, predict

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# What may wait at once: as many requests as are answered within a second or so, and bytes that memory holds.
WAITING_REQUESTS, WAITING_BYTES = 512, 256 * 1024 * 1024
BODY_SECONDS = 30
_RETRY_SECONDS = b"1"
_METHODS = {"/ping": "GET", "/invocations": "POST"}
_INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
_HEADERS = (b"content-type", b"content-length", b"accept", _INFERENCE_ID)
_ID_CHARACTERS = 64
# The rest of the body is not read, so nothing else can follow on this connection.
_CLOSING = (408, 413, 503)


class HttpError(Exception):
    """What ends a request without an answer: the HTTP status, the error's name, and a message for a person."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class Application:
    """The ASGI application; answers 503 until `load` has been given the model."""

    def __init__(self) -> None:
        self._model = ""
        self._batches: Batches[Picture, Inference] | None = None
        self._requests = self._bytes = 0

    def load(self, classifier: Classifier) -> None:
        """Answer with this model from now on, in one thread for each processor."""
        # A picture of 50 megapixels takes up to 1 GB while it is decoded: never more at once than there are processors.
        self._batches = Batches(partial(predict, classifier), threads=cpus())
        self._model = classifier.id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            batches = self._ready(scope["method"], scope["path"])
            if scope["path"] == "/ping":
                await _send_json(send, 200, JSON, {"model": self._model})
            else:
                await self._invoke(batches, _headers(scope["headers"]), receive, send)
        except HttpError as error:
            await _send_json(send, error.status, JSON, {"error": error.name, "message": str(error)})

    def _ready(self, method: str, path: str) -> Batches[Picture, Inference]:
        if path not in _METHODS:
            raise HttpError(404, "NotFoundError", "there is nothing here; use GET /ping or POST /invocations")
        if method != _METHODS[path]:
            raise HttpError(405, "MethodNotAllowedError", f"use {_METHODS[path]} {path}")
        if self._batches is None:
            raise HttpError(503, "ModelNotReadyError", "the model is still loading; try again in a second")
        return self._batches

    async def _invoke(
        self, batches: Batches[Picture, Inference], headers: dict[bytes, str], receive: Receive, send: Send
    ) -> None:
        kind = media_type(headers.get(b"content-type", ""))
        if kind not in (JSON_LINES, *IMAGE_TYPES):
            known = ", ".join((*IMAGE_TYPES, JSON_LINES))
            raise HttpError(415, "UnsupportedContentTypeError", f"send Content-Type {known}")
        length = _declared_length(headers)
        async with self._room(length):
            body = await _read(receive)
            try:
                media, answer = await _answer(batches, kind, headers, body)
            except ImageRejectedError as error:
                raise HttpError(400, type(error).__name__, str(error)) from error
        await _send(send, 200, media, answer)

    @asynccontextmanager
    async def _room(self, length: int) -> AsyncIterator[None]:
        """Hold room for a request of so many bytes; who finds none should come again rather than wait in a line."""
        if self._requests >= WAITING_REQUESTS or self._bytes + length > WAITING_BYTES:
            raise HttpError(503, "OverloadedError", f"{self._requests} requests are waiting; try again in a second")
        self._requests, self._bytes = self._requests + 1, self._bytes + length
        try:
            yield
        finally:
            self._requests, self._bytes = self._requests - 1, self._bytes - length


async def _answer(
    batches: Batches[Picture, Inference], kind: str, headers: Mapping[bytes, str], body: bytes
) -> tuple[str, bytes]:
    """The answer's media type and body; raises ImageRejectedError."""
    if kind == JSON_LINES:
        return JSON_LINES, await lines.answer(body, batches)
    answer = await batches.submit(Picture(body, headers.get(_INFERENCE_ID, "")[:_ID_CHARACTERS]))
    if wants_inference(headers.get(b"accept", "")):
        return INFERENCE_JSON, json.dumps(answer).encode()
    return JSON, json.dumps(answer["probabilities"]).encode()


def wants_inference(accept: str) -> bool:
    """Whether an Accept header names the full answer; the plain list is the answer to everything else."""
    return INFERENCE_JSON in (media_type(part) for part in accept.split(","))


def media_type(header: str) -> str:
    """`type/subtype` of a Content-Type, without its parameters and in lower case."""
    return header.partition(";")[0].strip().lower()


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in raw if name in _HEADERS}


def _declared_length(headers: Mapping[bytes, str]) -> int:
    """How many bytes the body may have: what its header says, or the limit where there is none."""
    declared = headers.get(b"content-length", "")
    length = int(declared) if declared.isdecimal() and declared.isascii() and len(declared) < 16 else IMAGE_BYTES
    if length > IMAGE_BYTES or len(declared) >= 16:
        raise _too_large()
    return length


async def _read(receive: Receive) -> bytes:
    """The body, refused as soon as it is too long or too slow."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return bytes(message.get("body", b""))
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "IncompleteBodyError", "the connection closed before the body ended")
                body += message.get("body", b"")
                if len(body) > IMAGE_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
                message = await receive()
    except TimeoutError as error:
        raise HttpError(408, "RequestTimeoutError", f"the body took over {BODY_SECONDS} s; send it faster") from error


def _too_large() -> HttpError:
    return HttpError(413, "PayloadTooLargeError", f"the body is over {IMAGE_BYTES} bytes; send a smaller one")


async def _send_json(send: Send, status: int, media: str, value: object) -> None:
    await _send(send, status, media, json.dumps(value).encode())


async def _send(send: Send, status: int, media: str, body: bytes) -> None:
    headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
    if status in _CLOSING:
        headers.append((b"connection", b"close"))
    if status == 503:
        headers.append((b"retry-after", _RETRY_SECONDS))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
