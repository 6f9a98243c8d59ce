"""A reviewer's answer as training data: one JSON object and a copy of the image under `labels/`. Runs in Lambda."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scones.aws_errors import error_code
from scones.contract.delivery import Label, Review, ReviewAnswer
from scones.contract.layout import JSON, LABELS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CopySourceTypeDef

# S3's error codes for an image that was deleted: it expired, or its driver asked for it.
_DELETED = ("NoSuchKey", "NoSuchVersion")


def write_label(review: Review, answer: ReviewAnswer, *, s3: S3Client) -> bool:
    """Write the answer and a copy of the image under `labels/`. Return False if it failed and may succeed later.

    Raises nothing of AWS's: a delivery waits for the answer, which is worth more than its label. Without its image
    there is nothing to label, so a deleted one counts as done.
    """
    try:
        _put(review, answer, s3=s3)
    except (BotoCoreError, ClientError) as error:
        print(json.dumps({"not_labelled": review["arrival_id"], "error": str(error)}))
        return isinstance(error, ClientError) and error_code(error) in _DELETED
    return True


def _put(review: Review, answer: ReviewAnswer, *, s3: S3Client) -> None:
    bucket = review["s3_bucket"]
    arrival = review["arrival_id"]
    image_key = f"{LABELS}{arrival}{PurePosixPath(review['s3_key']).suffix.lower()}"
    label = Label(
        **answer,
        arrival_id=arrival,
        s3_key=review["s3_key"],
        image_key=image_key,
        model=review["model"],
        inferences=review["inferences"],
    )
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": review["s3_key"]}
    if review["version_id"]:
        source["VersionId"] = review["version_id"]
    # A copy, because the bucket deletes arrivals after a month, and training data is kept.
    s3.copy_object(Bucket=bucket, Key=image_key, CopySource=source)
    s3.put_object(Bucket=bucket, Key=f"{LABELS}{arrival}.json", Body=json.dumps(label), ContentType=JSON)
