"""CloudFormation's AWS::S3::Bucket as AWS has it: its tags are kept, and a bucket that holds objects is not deleted.

The engine drops the tags, and deletes a bucket with all that is in it.
"""

from __future__ import annotations

from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::S3::Bucket"


class BucketNotEmptyError(Exception):
    """CloudFormation reports it as the reason of DELETE_FAILED."""


def install() -> None:
    """Put the tags and the refusal around the engine's own handlers."""
    engine = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def create(logical_id: str, props: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name, attributes = engine["create"](logical_id, props, stack)
        _tag(name, props)
        return name, attributes

    def update(name: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        updated = engine["update"](name, old, new, stack)
        _tag(updated[0] if isinstance(updated, tuple) else name, new)
        return updated

    def delete(name: str, props: dict[str, Any]) -> None:
        bucket = s3._buckets.get(name)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(name)):
            raise BucketNotEmptyError(f"The bucket you tried to delete is not empty: {name}. Empty it first.")
        engine["delete"](name, props)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**engine, "create": create, "update": update, "delete": delete}


def _tag(name: str, props: dict[str, Any]) -> None:
    if tags := {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}:
        s3._bucket_tags[name] = tags
