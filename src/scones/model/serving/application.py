"""The endpoint's requests: `GET /ping` and `POST /invocations`, images in, probabilities out.

Runs on the event loop of each worker. A request that cannot be answered is a 4xx with a named error. Nothing of a
request is kept. Source: SageMaker's "Custom Inference Code with Hosting Services".
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback

from scones.contract.delivery import Inference
from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Classifier
from scones.model.serving import json_lines
from scones.model.serving.batching import Batches
from scones.model.serving.decode_lock import DecodeLock
from scones.model.serving.large_images import LargeImages
from scones.model.serving.messages import HttpError, Request, Respond, Response
from scones.model.serving.prediction_log import PredictionLog
from scones.model.serving.predictions import (
    LARGE_BODY_BYTES,
    OnResult,
    ReceivedImage,
    decode_bytes,
    is_large,
    predict,
)
from scones.model.serving.tracebacks import release_frames

PING = b"/ping"
_METHODS = {PING: b"GET", b"/invocations": b"POST"}


class Application:
    """Answers the requests of one event loop; every result arrives there, by a callback.

    Images are answered in the loop's own thread, in batches, and large ones in a thread beside it.
    """

    def __init__(self, classifier: Classifier, lock: DecodeLock) -> None:
        self._classifier = classifier
        self._log = PredictionLog(classifier.id)
        self._batches: Batches[ReceivedImage, Inference] = Batches(
            lambda images: predict(classifier, images), self._log.add
        )
        self._large_images = LargeImages(
            lambda image: predict(classifier, [image])[0],
            lambda image: decode_bytes(classifier, image),
            lambda image, result: self._log.add([image], [result]),
            lock,
        )
        self._tasks = set[asyncio.Task[None]]()
        self._json_lines = asyncio.Lock()

    def answer(self, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later. Raises nothing."""
        try:
            _check_route(request)
            if request.path == PING:
                respond(Response(200, JSON, json.dumps({"model": self._classifier.id}).encode()))
            else:
                self._invoke(request, respond)
        except HttpError as error:
            respond(error.response())

    def close(self) -> None:
        """Write the rest of the log; to be called when everything has been answered."""
        self._log.flush()

    def _invoke(self, request: Request, respond: Respond) -> None:
        content_type = media_type(_header(request, b"content-type"))
        if content_type == JSON_LINES:
            task = asyncio.get_running_loop().create_task(self._answer_lines(request.body, respond))
            # The event loop keeps only a weak reference to a task.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif content_type in IMAGE_TYPES:
            image = ReceivedImage(request.body, _header(request, b"x-amzn-sagemaker-inference-id"))
            self._predict(image, lambda result: respond(_response(request, result)))
        else:
            known = ", ".join((*IMAGE_TYPES, JSON_LINES))
            raise HttpError(415, "UnsupportedContentTypeError", f"send Content-Type {known}")

    async def _answer_lines(self, body: bytes, respond: Respond) -> None:
        try:
            # One request at a time: a small body can ask for an answer of a hundred times its size.
            async with self._json_lines:
                response = Response(200, JSON_LINES, await json_lines.answer(body, self._predict_line))
        except Exception as error:
            response = _error_response(error)
        respond(response)

    def _predict(self, image: ReceivedImage, on_result: OnResult) -> None:
        if is_large(self._classifier, image):
            self._large_images.submit(lambda: image, len(image.body), on_result)
        else:
            self._batches.submit(image, on_result)

    def _predict_line(self, line: json_lines.Line, budget: json_lines.DecodeBudget, on_result: OnResult) -> None:
        def read() -> ReceivedImage:
            image = line.read()
            budget.spend(decode_bytes(self._classifier, image))
            return image

        if line.size > LARGE_BODY_BYTES:
            self._large_images.submit(read, line.size, on_result)
            return
        try:
            image = read()
        except ImageRejectedError as error:
            release_frames(error)
            on_result(error)
        else:
            self._predict(image, on_result)


def _check_route(request: Request) -> None:
    method = _METHODS.get(request.path)
    if method is None:
        raise HttpError(404, "NotFoundError", "no such path; use GET /ping or POST /invocations")
    if request.method != method:
        message = f"use {method.decode()} {request.path.decode()}"
        raise HttpError(405, "MethodNotAllowedError", message)


def _response(request: Request, result: Inference | Exception) -> Response:
    if isinstance(result, Exception):
        return _error_response(result)
    if wants_inference(_header(request, b"accept")):
        return Response(200, INFERENCE_JSON, json.dumps(result).encode())
    return Response(200, JSON, json.dumps(result["probabilities"]).encode())


def _error_response(error: Exception) -> Response:
    if isinstance(error, ImageRejectedError):
        return HttpError(400, type(error).__name__, str(error)).response()
    # The client learns nothing about the code; the traceback goes to the log.
    traceback.print_exception(error, file=sys.stderr)
    return HttpError(500, "InternalError", "an internal error; see the endpoint's log").response()


def wants_inference(accept: str) -> bool:
    """Return whether an Accept header names the full answer; the answer to any other header is the plain list."""
    return INFERENCE_JSON in (media_type(part) for part in accept.split(","))


def media_type(header: str) -> str:
    """Return the `type/subtype` of a Content-Type in lower case, without its parameters."""
    return header.partition(";")[0].strip().lower()


def _header(request: Request, name: bytes) -> str:
    return request.headers.get(name, b"").decode("latin-1")
