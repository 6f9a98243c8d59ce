"""Three handlers as people have them from the course, to run beside ours. Runs in Lambda; does without scones.

They differ where people's do: a body dumped to text or left as an object, `image_data` as bytes or text, the endpoint's
answer kept as the text that it came as.
"""

import base64
import json
import os

import boto3


def serialize(event, context):
    return {"statusCode": 200, "body": json.dumps({**_read(event), "image_data": _picture(event).decode()})}


def serialize_to_bytes(event, context):
    # No JSON holds bytes, but Lambda's runtime client writes them as text.
    return {"statusCode": 200, "body": {**_read(event), "image_data": _picture(event)}}


def classify(event, context):
    data = _read(event)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"],
        ContentType="image/png",
        Body=base64.b64decode(data["image_data"]),
    )
    data["inferences"] = answer["Body"].read().decode("utf-8")
    return {"statusCode": 200, "body": json.dumps(data)}


class LowConfidence(Exception):
    pass


def filter_low(event, context):
    data = _read(event)
    if max(json.loads(data["inferences"])) < 0.93:
        raise LowConfidence("THRESHOLD_CONFIDENCE_NOT_MET")
    return {"statusCode": 200, "body": json.dumps(data)}


def _read(event):
    found = json.loads(event) if isinstance(event, str) else event
    body = found.get("body", found)
    return json.loads(body) if isinstance(body, str) else body


def _picture(event):
    data = _read(event)
    stored = boto3.client("s3").get_object(Bucket=data["s3_bucket"], Key=data["s3_key"])
    return base64.b64encode(stored["Body"].read())
