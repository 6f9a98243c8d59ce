"""The prediction log in S3: one object under `captures/` for each prediction. Runs in Lambda.

It replaces SageMaker's Data Capture, which serverless endpoints do not have and new accounts may not get.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scones.contract.delivery import Capture
from scones.contract.layout import CAPTURES, JSON

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def capture_key(capture: Capture) -> str:
    """Return `captures/<year>/<month>/<day>/<hour>/<inference id>.json`, with the time in UTC."""
    day, _, clock = capture["time"].partition("T")
    hour = clock[:2]
    return f"{CAPTURES}{day.replace('-', '/')}/{hour}/{capture['inference_id']}.json"


def write_capture(capture: Capture, *, s3: S3Client) -> None:
    """Write the capture to the arrival's bucket. If that fails, print the reason as JSON instead."""
    body = json.dumps(capture).encode()
    try:
        s3.put_object(Bucket=capture["s3_bucket"], Key=capture_key(capture), Body=body, ContentType=JSON)
    except (BotoCoreError, ClientError) as error:
        # A driver waits for this delivery, which is worth more than a line of its log.
        print(json.dumps({"not_captured": capture["inference_id"], "error": str(error)}))
