"""Classify: asks the endpoint for a prediction and adds it to the data object. Runs in Lambda."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError, HTTPClientError

from scones.contract.delivery import Capture, Envelope, ImageData, Inference
from scones.contract.layout import INFERENCE_JSON
from scones.errors import EndpointUnavailableError, ImageRejectedError
from scones.workflow.arrival.captures import write_capture
from scones.workflow.arrival.events import envelope, parse_image_data
from scones.workflow.arrival.image import open_image
from scones.workflow.clients import client
from scones.workflow.transient import retryable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from types_boto3_sagemaker_runtime.type_defs import InvokeEndpointInputTypeDef

CONTENT_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class LambdaContext(Protocol):
    """The part of Lambda's context object that Classify reads."""

    aws_request_id: str


@dataclass(frozen=True)
class EndpointResponse:
    """The parsed response. `inference` is None if the endpoint returned only a list of probabilities."""

    probabilities: list[float]
    inference: Inference | None


@retryable
def handler(event: object, context: LambdaContext) -> Envelope:
    """Classify the image of a data object. Reads ENDPOINT_NAME from the environment."""
    classified = classify(
        parse_image_data(event),
        endpoint=os.environ["ENDPOINT_NAME"],
        inference_id=context.aws_request_id,
        s3=client("s3"),
        runtime=client("sagemaker-runtime"),
    )
    return envelope(classified)


def classify(
    data: ImageData, *, endpoint: str, inference_id: str, s3: S3Client, runtime: SageMakerRuntimeClient
) -> ImageData:
    """Return the data object with the endpoint's prediction, and log the prediction under `captures/`.

    `inference_id` identifies the request in the endpoint's own log, too. Raises ImageNotFoundError or
    ImageRejectedError if the fault is the image's, and EndpointUnavailableError if it is the endpoint's.
    """
    image = _image_bytes(data, s3=s3)
    suffix = PurePosixPath(data["s3_key"]).suffix.lower()
    started = time.monotonic()
    response = _invoke(
        {
            "EndpointName": endpoint,
            "Body": image,
            "ContentType": CONTENT_TYPES.get(suffix, "application/x-image"),
            "Accept": INFERENCE_JSON,
            "InferenceId": inference_id,
        },
        runtime=runtime,
    )
    seconds = time.monotonic() - started
    write_capture(_capture(data, image, response, inference_id, seconds), s3=s3)
    return _with_prediction(data, response)


def _image_bytes(data: ImageData, *, s3: S3Client) -> bytes:
    # Serialize leaves larger images in S3: a state's payload is limited to 256 KiB.
    if not data["image_data"]:
        return open_image(data, s3=s3)["Body"].read()
    try:
        return base64.b64decode(data["image_data"], validate=True)
    except binascii.Error as error:
        raise ImageRejectedError(f"image_data is not base64: {error}") from error


def _invoke(request: InvokeEndpointInputTypeDef, *, runtime: SageMakerRuntimeClient) -> EndpointResponse:
    endpoint = request["EndpointName"]
    try:
        body = runtime.invoke_endpoint(**request)["Body"].read()
        return _parse(body)
    except ClientError as error:
        raise _translate(error, endpoint) from error
    except (HTTPClientError, ValueError) as error:
        raise EndpointUnavailableError(f"endpoint {endpoint} did not answer: {error}") from error


def _parse(body: bytes) -> EndpointResponse:
    document = json.loads(body)
    # Other endpoints, such as the course's, return a plain list whatever Accept asks for.
    if isinstance(document, list):
        return EndpointResponse(document, None)
    return EndpointResponse(document["probabilities"], document)


def _translate(error: ClientError, endpoint: str) -> ImageRejectedError | EndpointUnavailableError:
    """Return the error of the image if the container answered with a 4xx, otherwise that of the endpoint."""
    # Only a ModelError has the status of the container; of SageMaker's own errors, one is about the image.
    status = error.response.get("OriginalStatusCode", 0)
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    is_client_error = isinstance(status, int) and 400 <= status < 500
    # 429 says that the container is busy: the same image succeeds later.
    if is_client_error and status != HTTPStatus.TOO_MANY_REQUESTS:
        reason = error.response.get("OriginalMessage") or error.response["Error"]["Message"]
        return ImageRejectedError(f"the endpoint rejected the image: {reason}")
    details = error.response["Error"]
    return EndpointUnavailableError(f"endpoint {endpoint}: {details['Code']}: {details['Message']}")


def _capture(data: ImageData, image: bytes, response: EndpointResponse, inference_id: str, seconds: float) -> Capture:
    inference = response.inference
    return Capture(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        inference_id=inference_id,
        s3_bucket=data["s3_bucket"],
        s3_key=data["s3_key"],
        sha256=hashlib.sha256(image).hexdigest(),
        bytes=len(image),
        probabilities=response.probabilities,
        novelty=inference.get("novelty") if inference else None,
        model=inference.get("model") if inference else None,
        ms=round(seconds * 1000, 2),
    )


def _with_prediction(data: ImageData, response: EndpointResponse) -> ImageData:
    inference = response.inference
    if inference is None:
        return {**data, "inferences": response.probabilities}
    # `thresholds` has one entry per class; the one that counts is that of the predicted class.
    threshold = inference["thresholds"][inference["labels"].index(inference["label"])]
    return {
        **data,
        "inferences": inference["probabilities"],
        "labels": inference["labels"],
        "novelty": inference["novelty"],
        "model": inference["model"],
        "decision": inference["decision"],
        "threshold": threshold,
    }
