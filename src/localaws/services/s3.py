"""CloudFormation's AWS::S3::Bucket as on AWS: its tags are kept, and a bucket that holds objects is not deleted.

ministack drops the tags, and deletes a bucket together with its objects.
"""

from __future__ import annotations

from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::S3::Bucket"

Properties = dict[str, Any]


class BucketNotEmptyError(Exception):
    """Raised if a bucket to delete holds objects; CloudFormation reports it as the reason of DELETE_FAILED."""


def install() -> None:
    """Wrap ministack's handlers of the resource type."""
    engine = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
        name, attributes = engine["create"](logical_id, properties, stack)
        _tag(name, properties)
        return name, attributes

    def update(name: str, old: Properties, new: Properties, stack: str) -> object:
        updated = engine["update"](name, old, new, stack)
        # A replacement has a name of its own, which comes first in a tuple.
        _tag(updated[0] if isinstance(updated, tuple) else name, new)
        return updated

    def delete(name: str, properties: Properties) -> None:
        bucket = s3._buckets.get(name)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(name)):
            raise BucketNotEmptyError(f"The bucket you tried to delete is not empty: {name}. Empty it first.")
        engine["delete"](name, properties)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**engine, "create": create, "update": update, "delete": delete}


def _tag(name: str, properties: Properties) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    if tags:
        s3._bucket_tags[name] = tags
