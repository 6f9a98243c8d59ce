"""Classify: asks the endpoint what is in the picture, and adds its answer to the data object."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from scones.contract.delivery import Capture, Envelope, ImageData, Inference
from scones.contract.layout import INFERENCE_JSON
from scones.errors import EndpointUnavailableError, ImageRejectedError
from scones.workflow.arrivals import open_picture
from scones.workflow.captures import write
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data

CONTENT_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def handler(event: object, context: Any) -> Envelope:
    data = parse_image_data(event)
    s3, runtime, endpoint = client("s3"), client("sagemaker-runtime"), os.environ["ENDPOINT_NAME"]
    return envelope(classify(data, endpoint=endpoint, inference_id=context.aws_request_id, s3=s3, runtime=runtime))


def classify(data: ImageData, *, endpoint: str, inference_id: str, s3: Any, runtime: Any) -> ImageData:
    """Return the data object with the endpoint's probabilities, in the order of its `labels`, and log them.

    `inference_id` stands in the endpoint's own log too. Raises ImageNotFoundError or ImageRejectedError for the
    picture's faults, EndpointUnavailableError for the other's.
    """
    image = _image_bytes(data, s3=s3)
    suffix = PurePosixPath(data["s3_key"]).suffix.lower()
    started = time.monotonic()
    answer = _invoke(
        runtime,
        EndpointName=endpoint,
        Body=image,
        ContentType=CONTENT_TYPES.get(suffix, "application/x-image"),
        Accept=INFERENCE_JSON,
        InferenceId=inference_id,
    )
    write(_capture(data, image, answer, inference_id, time.monotonic() - started), s3=s3)
    if isinstance(answer, list):
        return {**data, "inferences": answer}
    return _with_answer(data, answer)


def _capture(data: ImageData, image: bytes, answer: Any, inference_id: str, seconds: float) -> Capture:
    full: dict[str, Any] = {"probabilities": answer} if isinstance(answer, list) else answer
    return Capture(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        inference_id=inference_id,
        s3_bucket=data["s3_bucket"],
        s3_key=data["s3_key"],
        sha256=hashlib.sha256(image).hexdigest(),
        bytes=len(image),
        probabilities=full["probabilities"],
        novelty=full.get("novelty"),
        model=full.get("model"),
        ms=round(seconds * 1000, 2),
    )


def _with_answer(data: ImageData, answer: Inference) -> ImageData:
    return {
        **data,
        "inferences": answer["probabilities"],
        "labels": answer["labels"],
        "novelty": answer["novelty"],
        "model": answer["model"],
        "decision": answer["decision"],
        "threshold": answer["thresholds"][answer["labels"].index(answer["label"])],
    }


def _image_bytes(data: ImageData, *, s3: Any) -> bytes:
    if data["image_data"]:
        try:
            return base64.b64decode(data["image_data"], validate=True)
        except binascii.Error as error:
            raise ImageRejectedError(f"image_data is not base64: {error}") from error
    return bytes(open_picture(data, s3=s3)["Body"].read())


def _invoke(runtime: Any, **request: Any) -> Any:
    endpoint = request["EndpointName"]
    try:
        return json.loads(runtime.invoke_endpoint(**request)["Body"].read())
    except ClientError as error:
        status = error.response.get("OriginalStatusCode", 0)
        if 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:
            reason = error.response.get("OriginalMessage", "no reason given")
            raise ImageRejectedError(f"the endpoint refused the picture: {reason}") from error
        code = error.response["Error"]["Code"]
        raise EndpointUnavailableError(f"endpoint {endpoint}: {code}: {error.response['Error']['Message']}") from error
    except (HTTPClientError, ValueError) as error:
        raise EndpointUnavailableError(f"endpoint {endpoint} did not answer: {error}") from error
