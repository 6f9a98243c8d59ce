"""The image of an arrival in S3: its id, and how to open it. Runs in Lambda."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.contract.delivery import ImageData
from scones.contract.layout import MAX_IMAGE_BYTES
from scones.errors import ImageNotFoundError, ImageRejectedError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef


def arrival_id(data: ImageData) -> str:
    """Return the id of an arrival: 32 hexadecimal digits, the same for every upload of one content to one key.

    An SDK repeats a PutObject whose answer was lost, which makes a second version of the same image. The ETag names the
    content; the version is used only without an ETag.
    """
    content = data.get("etag") or data.get("version_id", "")
    identity = "\n".join((data["s3_bucket"], data["s3_key"], content))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def open_image(data: ImageData, *, s3: S3Client, max_bytes: int = MAX_IMAGE_BYTES) -> GetObjectOutputTypeDef:
    """Return S3's response with the unread `Body`, which the caller reads or closes.

    `max_bytes` is the largest image that the endpoint accepts. Raises ImageNotFoundError if the object does not exist,
    and ImageRejectedError if it is empty or larger than `max_bytes`.
    """
    bucket = data["s3_bucket"]
    key = data["s3_key"]
    request: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    # The version of the event: the key may have been overwritten since.
    if data.get("version_id"):
        request["VersionId"] = data["version_id"]
    try:
        response = s3.get_object(**request)
    except ClientError as error:
        if error_code(error) in ("NoSuchKey", "NoSuchVersion"):
            raise ImageNotFoundError(f"s3://{bucket}/{key} does not exist; was it deleted after it arrived?") from error
        raise
    size = int(response["ContentLength"])
    if not 0 < size <= max_bytes:
        # An unread body would keep its connection out of the client's pool.
        response["Body"].close()
        raise ImageRejectedError(
            f"s3://{bucket}/{key} has {size} bytes; the endpoint accepts images of 1 to {max_bytes}"
        )
    return response
