"""The prediction log in S3: what the endpoint said of an arrival, one object under `captures/` each. Runs in Lambda.

Ours rather than SageMaker's Data Capture, which serverless endpoints do not have and new accounts may not get.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.delivery import Capture
from scones.contract.layout import CAPTURES, JSON


def capture_key(capture: Capture) -> str:
    """`captures/<year>/<month>/<day>/<hour>/<inference id>.json`, by the time in UTC."""
    day, _, clock = capture["time"].partition("T")
    return f"{CAPTURES}{day.replace('-', '/')}/{clock[:2]}/{capture['inference_id']}.json"


def write(capture: Capture, *, s3: Any) -> None:
    """Write it beside the arrival; a delivery does not fail for want of its log."""
    try:
        body = json.dumps(capture).encode()
        s3.put_object(Bucket=capture["s3_bucket"], Key=capture_key(capture), Body=body, ContentType=JSON)
    except ClientError as error:
        print(json.dumps({"not_captured": capture["inference_id"], "error": str(error)}))
