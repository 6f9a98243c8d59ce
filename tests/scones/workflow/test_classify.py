"""Classify with a fake endpoint and a fake bucket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from scones.contract.delivery import ImageData
from scones.errors import EndpointUnavailableError, ImageRejectedError
from scones.workflow.classify import classify

from .fakes import Bucket, Runtime, data

INFERENCE = {
    "labels": ["bicycle", "motorcycle"],
    "probabilities": [0.1, 0.9],
    "decision": "accept",
    "label": "motorcycle",
    "thresholds": [0.7, 0.8],
    "novelty": -3.0,
    "model": "m1",
}


def classified(runtime: Runtime, bucket: Bucket | None = None, **values: Any) -> ImageData:
    """Classify an arrival whose image is in the bucket, or in `image_data` of `values`."""
    s3 = bucket or Bucket(**{"1": b"image"})
    return classify(data(**values), endpoint="scones", inference_id="i-1", s3=s3, runtime=runtime)


def model_error(status: int) -> ClientError:
    response = {
        "Error": {"Code": "ModelError", "Message": "received an error from the model"},
        "OriginalStatusCode": status,
        "OriginalMessage": "not an image",
    }
    return ClientError(response, "InvokeEndpoint")


def too_large() -> ClientError:
    """Return SageMaker's own error for a body over the endpoint's limit."""
    message = "HTTP content length exceeded 4194304 bytes."
    response = {"Error": {"Code": "413", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 413}}
    return ClientError(response, "InvokeEndpoint")


def test_the_request_has_the_image_of_the_data_object_and_its_type() -> None:
    runtime = Runtime(INFERENCE)
    result = classified(runtime, Bucket(), image_data=base64.b64encode(b"image").decode())
    assert (runtime.request["Body"], runtime.request["ContentType"]) == (b"image", "image/png")
    assert (result["inferences"], result["model"]) == ([0.1, 0.9], "m1")
    assert (result["decision"], result["threshold"]) == ("accept", 0.8)


def test_an_image_outside_the_data_object_is_read_from_the_bucket() -> None:
    runtime = Runtime([0.1, 0.9])
    result = classified(runtime)
    assert (runtime.request["Body"], result["inferences"]) == (b"image", [0.1, 0.9])


@pytest.mark.parametrize(("response", "model"), [(INFERENCE, "m1"), ([0.1, 0.9], None)])
def test_the_prediction_is_logged(response: object, model: str | None) -> None:
    bucket = Bucket(**{"1": b"image"})
    runtime = Runtime(response)
    classified(runtime, bucket)
    (key,) = [key for key in bucket.objects if key.startswith("captures/")]
    capture = json.loads(bucket.objects[key])
    assert key == f"captures/{capture['time'][:13].replace('-', '/').replace('T', '/')}/i-1.json"
    assert runtime.request["InferenceId"] == capture["inference_id"]
    assert (capture["s3_key"], capture["bytes"]) == ("arrivals/anna/1.png", 5)
    assert (capture["probabilities"], capture["model"]) == ([0.1, 0.9], model)


@pytest.mark.parametrize(
    "error", [ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject"), ReadTimeoutError(endpoint_url="http://s3")]
)
def test_a_log_that_cannot_be_written_does_not_fail_the_delivery(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = Bucket(write_error=error, **{"1": b"image"})
    assert classified(Runtime(INFERENCE), bucket)["inferences"] == [0.1, 0.9]
    assert json.loads(capsys.readouterr().out)["not_captured"] == "i-1"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (model_error(400), ImageRejectedError),
        (model_error(415), ImageRejectedError),
        (model_error(429), EndpointUnavailableError),
        (model_error(500), EndpointUnavailableError),
        (
            ClientError({"Error": {"Code": "ValidationError", "Message": "Endpoint not found"}}, "InvokeEndpoint"),
            EndpointUnavailableError,
        ),
        (too_large(), ImageRejectedError),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), EndpointUnavailableError),
    ],
)
def test_a_failure_is_either_the_images_or_the_endpoints(failure: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        classified(Runtime(failure))


def test_image_data_that_is_not_base64_is_rejected() -> None:
    with pytest.raises(ImageRejectedError, match="base64"):
        classified(Runtime([1.0]), Bucket(), image_data="no base64!")
