"""Tags of SageMaker's resources by ARN, for its own API and for the Resource Groups Tagging API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localaws.services.sagemaker import store
from localaws.services.sagemaker.listing import page
from localaws.wire import ValidationException

_MAX_TAGS = 50
TagList = list[dict[str, str]]


def put(resource_arn: str, tags: TagList) -> None:
    """Add or replace tags. Raises ValidationException if the resource would have more than 50."""
    merged = {**store.TAGS.get(resource_arn, {}), **{tag["Key"]: tag["Value"] for tag in tags}}
    # AWS's own tags, such as CloudFormation's aws:cloudformation:stack-name, do not count.
    user_keys = [key for key in merged if not key.startswith("aws:")]
    if len(user_keys) > _MAX_TAGS:
        raise ValidationException(
            f"A resource can have at most {_MAX_TAGS} tags, {resource_arn} would have {len(user_keys)}"
        )
    # Resources without tags have no entry, so that `collect` yields tagged resources only.
    if merged:
        store.TAGS[resource_arn] = merged


def remove(resource_arn: str, keys: list[str]) -> None:
    """Remove the tags with these keys; keys that do not exist are ignored."""
    remaining = {key: value for key, value in store.TAGS.get(resource_arn, {}).items() if key not in keys}
    forget(resource_arn)
    if remaining:
        store.TAGS[resource_arn] = remaining


def forget(resource_arn: str) -> None:
    """Remove all tags of a resource that is deleted."""
    store.TAGS.pop(resource_arn, None)


def of(resource_arn: str) -> TagList:
    """Return the tags of a resource, sorted by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(store.TAGS.get(resource_arn, {}).items())]


def add_tags(request: dict[str, Any]) -> dict[str, Any]:
    """Add tags. Raises ValidationException for a missing resource, an `aws:` key or more than 50 tags."""
    _require_resource(request["ResourceArn"])
    if any(tag["Key"].lower().startswith("aws:") for tag in request["Tags"]):
        raise ValidationException("aws: prefixed tag key names are not allowed for external use.")
    put(request["ResourceArn"], request["Tags"])
    return {"Tags": of(request["ResourceArn"])}


def list_tags(request: dict[str, Any]) -> dict[str, Any]:
    """List tags by key. Raises ValidationException for a missing resource."""
    _require_resource(request["ResourceArn"])
    # A constant CreationTime, which pages sort by: the sort is stable and keeps the order of the keys.
    records = [{**tag, "CreationTime": 0} for tag in of(request["ResourceArn"])]
    return page(records, {"MaxResults": _MAX_TAGS, **request, "SortOrder": "Ascending"}, "Tags", name="Key")


def delete_tags(request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags. Raises ValidationException for a missing resource."""
    _require_resource(request["ResourceArn"])
    remove(request["ResourceArn"], request["TagKeys"])
    return {}


def collect() -> Iterator[tuple[str, TagList]]:
    """Yield every tagged resource with its tags, for the engine's GetResources."""
    with store.LOCK:
        arns = list(store.TAGS)
    for resource_arn in arns:
        yield resource_arn, of(resource_arn)


def write(_spec: object, resource_arn: str, tags: dict[str, str]) -> None:
    """Add tags, for the engine's TagResources. Raises ValidationException for a missing resource."""
    with store.LOCK:
        _require_resource(resource_arn)
        put(resource_arn, [{"Key": key, "Value": value} for key, value in tags.items()])


def erase(_spec: object, resource_arn: str, keys: list[str]) -> None:
    """Remove tags, for the engine's UntagResources. Raises ValidationException for a missing resource."""
    with store.LOCK:
        _require_resource(resource_arn)
        remove(resource_arn, keys)


def _require_resource(resource_arn: str) -> None:
    if not store.exists(resource_arn):
        raise ValidationException(f"Could not find resource {resource_arn}")


OPERATIONS = {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}
