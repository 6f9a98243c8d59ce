"""What the endpoint's requests mean: `GET /ping` and `POST /invocations`, pictures in, probabilities out.

Runs in each worker of `serve`, on its event loop. A request that it cannot answer is a 4xx with a named error. It
keeps nothing of a request. Source: SageMaker's "Custom Inference Code with Hosting Services".
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from scones.contract.delivery import Inference
from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES
from scones.errors import ImageRejectedError
from scones.model.inference.classifier import Classifier
from scones.model.serving import json_lines
from scones.model.serving.batching import Batches
from scones.model.serving.messages import HttpError, Request, Respond, Response
from scones.model.serving.prediction_log import PredictionLog
from scones.model.serving.predictions import Picture, is_large, predict

Then = Callable[[Inference | Exception], None]

_METHODS = {b"/ping": b"GET", b"/invocations": b"POST"}


class Application:
    """For one event loop; pictures are answered in its own thread, together where several have come."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._log = PredictionLog(classifier.id)
        self._batches: Batches[Picture, Inference] = Batches(partial(predict, classifier), self._log.note)
        # A picture of 50 megapixels takes a second and 1 GB: one at a time, and beside the event loop.
        self._large = ThreadPoolExecutor(1)
        self._tasks = set[asyncio.Task[None]]()

    def answer(self, request: Request, respond: Respond) -> None:
        """Call `respond` once, now or later; raises nothing."""
        try:
            _check(request)
            if request.path == b"/ping":
                respond(Response(200, JSON, json.dumps({"model": self._classifier.id}).encode()))
            else:
                self._invoke(request, respond)
        except HttpError as error:
            respond(error.response())

    def close(self) -> None:
        """To be called when all has been answered."""
        self._log.write()

    def _invoke(self, request: Request, respond: Respond) -> None:
        kind = media_type(_header(request, b"content-type"))
        if kind == JSON_LINES:
            task = asyncio.get_running_loop().create_task(self._answer_lines(request.body, respond))
            # The loop by itself keeps no task alive.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind in IMAGE_TYPES:
            picture = Picture(request.body, _header(request, b"x-amzn-sagemaker-inference-id"))
            self._predict(picture, lambda result: respond(_response(request, result)))
        else:
            known = ", ".join((*IMAGE_TYPES, JSON_LINES))
            raise HttpError(415, "UnsupportedContentTypeError", f"send Content-Type {known}")

    async def _answer_lines(self, body: bytes, respond: Respond) -> None:
        try:
            response = Response(200, JSON_LINES, await json_lines.answer(body, self._predict))
        except Exception as error:
            response = _refusal(error)
        respond(response)

    def _predict(self, picture: Picture, then: Then) -> None:
        if not is_large(picture):
            self._batches.submit(picture, then)
            return

        def finish(future: asyncio.Future[Inference | Exception]) -> None:
            then(future.result())
            self._log.note([picture], [future.result()])

        asyncio.get_running_loop().run_in_executor(self._large, self._predict_large, picture).add_done_callback(finish)

    def _predict_large(self, picture: Picture) -> Inference | Exception:
        try:
            return predict(self._classifier, [picture])[0]
        except Exception as error:
            return error


def _check(request: Request) -> None:
    method = _METHODS.get(request.path)
    if method is None:
        raise HttpError(404, "NotFoundError", "there is nothing here; use GET /ping or POST /invocations")
    if request.method != method:
        use = f"use {method.decode()} {request.path.decode()}"
        raise HttpError(405, "MethodNotAllowedError", use)


def _response(request: Request, result: Inference | Exception) -> Response:
    if isinstance(result, Exception):
        return _refusal(result)
    if wants_inference(_header(request, b"accept")):
        return Response(200, INFERENCE_JSON, json.dumps(result).encode())
    return Response(200, JSON, json.dumps(result["probabilities"]).encode())


def _refusal(error: Exception) -> Response:
    if isinstance(error, ImageRejectedError):
        return HttpError(400, type(error).__name__, str(error)).response()
    traceback.print_exception(error, file=sys.stderr)
    return HttpError(500, "InternalError", "the endpoint has a bug; its log says more").response()


def wants_inference(accept: str) -> bool:
    """Whether an Accept header names the full answer; the plain list is the answer to everything else."""
    return INFERENCE_JSON in (media_type(part) for part in accept.split(","))


def media_type(header: str) -> str:
    """`type/subtype` of a Content-Type, without its parameters and in lower case."""
    return header.partition(";")[0].strip().lower()


def _header(request: Request, name: bytes) -> str:
    return request.headers.get(name, b"").decode("latin-1")
