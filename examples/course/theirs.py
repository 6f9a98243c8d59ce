"""The course's three handlers as its students write them, to run beside ours. Runs in Lambda; does not import scones.

The variants differ as the students' do: the body as a string or an object, `image_data` as a string or bytes, and the
endpoint's response kept as the string that it is.
"""

import base64
import json
import os

import boto3


class LowConfidence(Exception):
    """The highest probability is below 0.93."""


def serialize(event, context):
    """Add the image in base64; the body is a string."""
    body = {**_data(event), "image_data": _image(event).decode()}
    return {"statusCode": 200, "body": json.dumps(body)}


def serialize_to_bytes(event, context):
    """Add the image in base64 as bytes; the body is an object."""
    # JSON has no bytes, but Lambda's runtime client writes them as a string.
    return {"statusCode": 200, "body": {**_data(event), "image_data": _image(event)}}


def classify(event, context):
    """Add the endpoint's response as the string that it is."""
    data = _data(event)
    response = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"],
        ContentType="image/png",
        Body=base64.b64decode(data["image_data"]),
    )
    data["inferences"] = response["Body"].read().decode("utf-8")
    return {"statusCode": 200, "body": json.dumps(data)}


def filter_low(event, context):
    """Raise LowConfidence if the highest probability is below 0.93."""
    data = _data(event)
    if max(json.loads(data["inferences"])) < 0.93:
        raise LowConfidence("THRESHOLD_CONFIDENCE_NOT_MET")
    return {"statusCode": 200, "body": json.dumps(data)}


def _data(event):
    document = json.loads(event) if isinstance(event, str) else event
    body = document.get("body", document)
    return json.loads(body) if isinstance(body, str) else body


def _image(event):
    data = _data(event)
    response = boto3.client("s3").get_object(Bucket=data["s3_bucket"], Key=data["s3_key"])
    return base64.b64encode(response["Body"].read())
