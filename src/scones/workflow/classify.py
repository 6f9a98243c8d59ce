"""Classify: asks the endpoint what is in the picture, and adds its answer to the data object."""

from __future__ import annotations

import base64
import binascii
import json
import os
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from scones.contract import INFERENCE_JSON, Envelope, ImageData, Inference
from scones.errors import EndpointUnavailableError, ImageRejectedError
from scones.workflow.arrivals import open_picture
from scones.workflow.clients import client
from scones.workflow.events import envelope, parse_image_data

CONTENT_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def handler(event: object, context: object) -> Envelope:
    data = parse_image_data(event)
    runtime = client("sagemaker-runtime")
    return envelope(classify(data, endpoint=os.environ["ENDPOINT_NAME"], s3=client("s3"), runtime=runtime))


def classify(data: ImageData, *, endpoint: str, s3: Any, runtime: Any) -> ImageData:
    """Return the data object with the endpoint's probabilities, in the order of its `labels`.

    Raises ImageNotFoundError or ImageRejectedError for the picture's faults, EndpointUnavailableError for the other's.
    """
    image = _image_bytes(data, s3=s3)
    suffix = PurePosixPath(data["s3_key"]).suffix.lower()
    answer = _invoke(endpoint, image, CONTENT_TYPES.get(suffix, "application/x-image"), runtime=runtime)
    if isinstance(answer, list):
        return {**data, "inferences": answer}
    return _with_answer(data, answer)


def _with_answer(data: ImageData, answer: Inference) -> ImageData:
    return {
        **data,
        "inferences": answer["probabilities"],
        "labels": answer["labels"],
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
    _, body = open_picture(data, s3=s3)
    return bytes(body.read())


def _invoke(endpoint: str, image: bytes, content_type: str, *, runtime: Any) -> Any:
    try:
        reply = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=image, ContentType=content_type, Accept=INFERENCE_JSON
        )
        return json.loads(reply["Body"].read())
    except ClientError as error:
        status = error.response.get("OriginalStatusCode", 0)
        if 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:
            reason = error.response.get("OriginalMessage", "no reason given")
            raise ImageRejectedError(f"the endpoint refused the picture: {reason}") from error
        code = error.response["Error"]["Code"]
        raise EndpointUnavailableError(f"endpoint {endpoint}: {code}: {error.response['Error']['Message']}") from error
    except (HTTPClientError, ValueError) as error:
        raise EndpointUnavailableError(f"endpoint {endpoint} did not answer: {error}") from error
