"""S3 objects: listings of any length, objects that hold JSON, and many deletions at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.errors import DeletionError
from scones.steps.run.patience import DELAYS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ErrorTypeDef, HeadObjectOutputTypeDef, ObjectIdentifierTypeDef, ObjectTypeDef

# DeleteObjects accepts no more keys at once.
_MAX_DELETED_KEYS: Final = 1000
_RETRIED: Final = ("InternalError", "SlowDown", "ServiceUnavailable")
_DELETED_ALREADY: Final = ("NoSuchKey", "NoSuchVersion")


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
        if error_code(error) == "NoSuchKey":
            return None
        raise
    return json.loads(stored["Body"].read())


def find_object(bucket: str, key: str, *, s3: S3Client) -> HeadObjectOutputTypeDef | None:
    """Return an object's metadata, or None if the object does not exist."""
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # HeadObject has no body, and therefore no better code than this one.
        if error_code(error) == "404":
            return None
        raise


def delete_objects(
    bucket: str,
    objects: Sequence[ObjectIdentifierTypeDef],
    *,
    s3: S3Client,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete any number of objects or versions, `{"Key", "VersionId"}`. Raises DeletionError if S3 refuses one."""
    for start in range(0, len(objects), _MAX_DELETED_KEYS):
        remaining = objects[start : start + _MAX_DELETED_KEYS]
        for delay in DELAYS:
            errors = _delete(bucket, remaining, s3=s3)
            if not errors:
                break
            remaining = [_identifier(error) for error in errors]
            sleep(delay)
        else:
            raise _deletion_error(bucket, errors[0])


def _delete(bucket: str, objects: Sequence[ObjectIdentifierTypeDef], *, s3: S3Client) -> list[ErrorTypeDef]:
    """Delete objects; return the errors that another try may mend. Raises DeletionError for any other error."""
    # S3 answers 200 although it did not delete some of the objects.
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    errors = [error for error in answer.get("Errors", ()) if error.get("Code") not in _DELETED_ALREADY]
    for error in errors:
        if error.get("Code") not in _RETRIED:
            raise _deletion_error(bucket, error)
    return errors


def _identifier(error: ErrorTypeDef) -> ObjectIdentifierTypeDef:
    identifier: ObjectIdentifierTypeDef = {"Key": error["Key"]}
    if error.get("VersionId"):
        identifier["VersionId"] = error["VersionId"]
    return identifier


def _deletion_error(bucket: str, error: ErrorTypeDef) -> DeletionError:
    return DeletionError(
        f"S3 did not delete s3://{bucket}/{error.get('Key')}: {error.get('Code')}: {error.get('Message')}; "
        "check your permissions for it and run the command again"
    )


def all_versions(bucket: str, prefix: str, *, s3: S3Client) -> Iterator[list[ObjectIdentifierTypeDef]]:
    """Yield the versions and delete markers under a prefix, in pages of at most 1,000."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        yield [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
