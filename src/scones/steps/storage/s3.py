"""Reads S3 objects: listings of any length, and objects that hold JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef


def list_objects(bucket: str, prefix: str, *, s3: S3Client) -> Iterator[ObjectTypeDef]:
    """Yield the objects whose keys begin with `prefix`, in the order of their keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        # A page without objects has no Contents at all.
        yield from page.get("Contents", ())


def read_json(bucket: str, key: str, *, s3: S3Client) -> Any:
    """Return the JSON value that an object holds, or None if the object does not exist."""
    try:
        stored = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    return json.loads(stored["Body"].read())
