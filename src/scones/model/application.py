"""The endpoint's ASGI application: `GET /ping` and `POST /invocations`, a picture in, probabilities out.

Runs inside `serve`. A request that it cannot answer is a 4xx with a named error, never a 5xx; it keeps nothing of a
request but one log line. Source: SageMaker's "Custom Inference Code with Hosting Services".
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from scones.contract import IMAGE_BYTES, IMAGE_TYPES, INFERENCE_JSON, JSON, Inference
from scones.errors import ImageRejectedError
from scones.model.classifier import Answer, Classifier, accepted
from scones.model.container import cpus

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_ID_CHARACTERS = 64


class HttpError(Exception):
    """What ends a request without an answer: the HTTP status, the error's name, and a message for a person."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class Application:
    """The ASGI application; `classifier` is None, and every answer 503, until the model is loaded."""

    def __init__(self, classifier: Classifier | None = None) -> None:
        self.classifier = classifier
        # A picture of 50 megapixels takes up to 1 GB while it is decoded: never more at once than there are processors.
        self._workers = ThreadPoolExecutor(cpus())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            classifier = self._ready(scope["method"], scope["path"])
            if scope["path"] == "/ping":
                await _send_json(send, 200, JSON, {"model": classifier.id})
            else:
                await self._invoke(classifier, headers, receive, send)
        except HttpError as error:
            await _send_json(send, error.status, JSON, {"error": error.name, "message": str(error)})

    def _ready(self, method: str, path: str) -> Classifier:
        methods = {"/ping": "GET", "/invocations": "POST"}
        if path not in methods:
            raise HttpError(404, "NotFoundError", "there is nothing here; use GET /ping or POST /invocations")
        if method != methods[path]:
            raise HttpError(405, "MethodNotAllowedError", f"use {methods[path]} {path}")
        if self.classifier is None:
            raise HttpError(503, "ModelNotReadyError", "the model is still loading; try again in a second")
        return self.classifier

    async def _invoke(self, classifier: Classifier, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        entry: dict[str, object] = {"time": datetime.now(UTC).isoformat(), "model": classifier.id}
        entry["id"] = headers.get("x-amzn-sagemaker-inference-id", "")[:_ID_CHARACTERS]
        try:
            body = await _read_image(headers, receive)
            entry |= {"sha256": hashlib.sha256(body).hexdigest()[:16], "bytes": len(body)}
            answer = await self._classify(classifier, body)
            entry |= {"probabilities": answer["probabilities"], "novelty": answer["novelty"]}
        except HttpError as error:
            entry |= {"error": error.name, "message": str(error)}
            raise
        finally:
            entry["ms"] = round((time.perf_counter() - started) * 1000, 2)
            print(json.dumps(entry), flush=True)
        if wants_inference(headers.get("accept", "")):
            await _send_json(send, 200, INFERENCE_JSON, answer)
        else:
            await _send_json(send, 200, JSON, answer["probabilities"])

    async def _classify(self, classifier: Classifier, body: bytes) -> Inference:
        def classify() -> Inference:
            return inference(classifier, classifier.answer(classifier.prepare(body)[None]))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers, classify)
        except ImageRejectedError as error:
            raise HttpError(400, type(error).__name__, str(error)) from error


def inference(classifier: Classifier, answer: Answer) -> Inference:
    """The full answer to one picture; "accept" only what is familiar and certified, "review" for all else."""
    about, probabilities = classifier.description, answer.probabilities[0]
    return Inference(
        labels=about["classes"],
        probabilities=probabilities.tolist(),
        decision="accept" if accepted(answer, about)[0] else "review",
        label=about["classes"][int(probabilities.argmax())],
        thresholds=about["thresholds"],
        certificates=about["certificates"],
        novelty=float(answer.novelty[0]),
        novelty_cut=about["novelty_cut"],
        model=classifier.id,
    )


def wants_inference(accept: str) -> bool:
    """Whether an Accept header names the full answer; the plain list is the answer to everything else."""
    return INFERENCE_JSON in (media_type(part) for part in accept.split(","))


def media_type(header: str) -> str:
    """`type/subtype` of a Content-Type, without its parameters and in lower case."""
    return header.partition(";")[0].strip().lower()


async def _read_image(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The body, refused by its headers where they suffice, and otherwise as soon as it is too long."""
    if media_type(headers.get("content-type", "")) not in IMAGE_TYPES:
        raise HttpError(415, "UnsupportedContentTypeError", f"send Content-Type {', '.join(IMAGE_TYPES)}")
    declared = headers.get("content-length", "")
    length, body, more = int(declared) if declared.isdecimal() else 0, bytearray(), True
    while more and max(length, len(body)) <= IMAGE_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "IncompleteBodyError", "the connection closed before the body ended")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if max(length, len(body)) > IMAGE_BYTES:
        raise HttpError(413, "PayloadTooLargeError", f"the body is over {IMAGE_BYTES} bytes; send a smaller image")
    return bytes(body)


async def _send_json(send: Send, status: int, media: str, value: object) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
    if status == 413:
        # The rest of the body is not read, so nothing else can follow on this connection.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
