"""Tags of SageMaker resources, and their way into the Resource Groups Tagging API. Keyed by ARN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localaws.services.sagemaker import store
from localaws.services.sagemaker.errors import ValidationException
from localaws.services.sagemaker.listing import page

_MOST_TAGS = 50
TagList = list[dict[str, str]]


def put(resource_arn: str, tags: TagList) -> None:
    """Add or replace tags. Raises ValidationException where there would be more than fifty."""
    merged = {**store.TAGS.get(resource_arn, {}), **{tag["Key"]: tag["Value"] for tag in tags}}
    own = [key for key in merged if not key.startswith("aws:")]
    if len(own) > _MOST_TAGS:
        raise ValidationException(
            f"A resource can have at most {_MOST_TAGS} tags, {resource_arn} would have {len(own)}"
        )
    if merged:
        store.TAGS[resource_arn] = merged


def remove(resource_arn: str, keys: list[str]) -> None:
    left = {key: value for key, value in store.TAGS.get(resource_arn, {}).items() if key not in keys}
    forget(resource_arn)
    if left:
        store.TAGS[resource_arn] = left


def forget(resource_arn: str) -> None:
    store.TAGS.pop(resource_arn, None)


def of(resource_arn: str) -> TagList:
    return [{"Key": key, "Value": value} for key, value in sorted(store.TAGS.get(resource_arn, {}).items())]


def add_tags(request: dict[str, Any]) -> dict[str, Any]:
    _require(request["ResourceArn"])
    if any(tag["Key"].lower().startswith("aws:") for tag in request["Tags"]):
        raise ValidationException("aws: prefixed tag key names are not allowed for external use.")
    put(request["ResourceArn"], request["Tags"])
    return {"Tags": of(request["ResourceArn"])}


def list_tags(request: dict[str, Any]) -> dict[str, Any]:
    _require(request["ResourceArn"])
    records = [{**tag, "CreationTime": 0} for tag in of(request["ResourceArn"])]
    return page(records, {"MaxResults": _MOST_TAGS, **request, "SortOrder": "Ascending"}, "Tags", name="Key")


def delete_tags(request: dict[str, Any]) -> dict[str, Any]:
    _require(request["ResourceArn"])
    remove(request["ResourceArn"], request["TagKeys"])
    return {}


def collect() -> Iterator[tuple[str, TagList]]:
    """For the tagging engine: every tagged resource with its tags."""
    with store.LOCK:
        arns = list(store.TAGS)
    for resource_arn in arns:
        yield resource_arn, of(resource_arn)


def write(_spec: Any, resource_arn: str, tags: dict[str, str]) -> None:
    """For the tagging engine: TagResources."""
    with store.LOCK:
        _require(resource_arn)
        put(resource_arn, [{"Key": key, "Value": value} for key, value in tags.items()])


def erase(_spec: Any, resource_arn: str, keys: list[str]) -> None:
    """For the tagging engine: UntagResources."""
    with store.LOCK:
        _require(resource_arn)
        remove(resource_arn, keys)


def _require(resource_arn: str) -> None:
    if not store.exists(resource_arn):
        raise ValidationException(f"Could not find resource {resource_arn}")


OPERATIONS = {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}
