"""S3 as on AWS: events name the version, and CloudFormation keeps a bucket's tags and deletes none that holds objects.

ministack drops the version and the tags, and deletes a bucket together with its objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, s3
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::S3::Bucket"

Properties = dict[str, Any]

_version: ContextVar[str | None] = ContextVar("version", default=None)


class BucketNotEmptyError(Exception):
    """Raised if a bucket to delete holds objects; CloudFormation reports it as the reason of DELETE_FAILED."""


def install() -> None:
    """Wrap ministack's events and its handlers of the resource type."""
    s3._fire_s3_event = _remembering_version(s3._fire_s3_event)
    eventbridge._dispatch_event = _with_version(eventbridge._dispatch_event)
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


def _remembering_version(fire: Callable[..., None]) -> Callable[..., None]:
    def remember_and_fire(*arguments: object, version_id: str | None = None, **options: object) -> None:
        token = _version.set(version_id)
        try:
            fire(*arguments, version_id=version_id, **options)
        finally:
            _version.reset(token)

    return remember_and_fire


def _with_version(dispatch: Callable[..., None]) -> Callable[..., None]:
    """Return `dispatch`, which sends an event to its rules. Source: Amazon S3 User Guide, "EventBridge"."""

    def dispatch_with_version(event: Mapping[str, Any], *view: object) -> None:
        version = _version.get()
        if version and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *view)

    return dispatch_with_version
