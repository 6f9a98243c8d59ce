"""CloudFormation's SageMaker types. `Ref` is the ARN, as on AWS; `Fn::GetAtt` returns the name.

All properties except tags, and an endpoint's configuration, are create-only: another value creates another resource.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ministack.services.cloudformation import provisioners, stacks

from localaws import wire
from localaws.services.sagemaker import api, store, tags
from localaws.wire import ApiError, ValidationException

_POLL_SECONDS = 0.2
# SageMaker's limit for names of models, configurations, endpoints and groups.
_MAX_NAME_CHARS = 63
_ENDPOINT = "AWS::SageMaker::Endpoint"

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]
"""The physical id, which is the ARN, and the attributes for Fn::GetAtt."""


class ResourceType(NamedTuple):
    """A CloudFormation type: `noun` is the suffix of its operations' names, `attributes` are those of Fn::GetAtt."""

    noun: str
    records: store.Store
    attributes: tuple[str, ...]

    @property
    def name_property(self) -> str:
        """The property with the resource's name."""
        return f"{self.noun}Name"

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        """Create the resource and wait until an endpoint is in service. Raises ApiError if the API refuses."""
        name = properties.get(self.name_property)
        name = name or provisioners._physical_name(stack_name, logical_id, max_len=_MAX_NAME_CHARS)
        operation = f"Create{self.noun}"
        request = {key: value for key, value in properties.items() if key != "Tags"}
        answer = api.call(operation, wire.coerce("sagemaker", operation, {**request, self.name_property: name}))
        arn = answer[f"{self.noun}Arn"]
        _replace_tags(arn, {}, properties)
        if self.noun == "Endpoint":
            try:
                _wait_until_settled(name)
            except ApiError:
                # The engine learns of a resource only when this function returns, and rolls back only what it knows of.
                self.delete(arn, properties)
                raise
        return arn, self._attributes(name)

    def update(self, arn: str, old: Properties, new: Properties, stack_name: str, logical_id: str) -> Created:
        """Update the resource in place, or replace it if a create-only property changed. Raises ApiError as the API."""
        name = store.name_of(self.records, arn)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {"Tags"}
        # Without a name, the resource was deleted outside of the stack.
        if name is None or changed - self._mutable_properties():
            created: Created = provisioners._seeded_create(self.create, logical_id, new, stack_name)
            provisioners._delete_predecessor(self.delete, arn, old)
            return created
        _replace_tags(arn, old, new)
        if changed:
            api.call("UpdateEndpoint", {"EndpointName": name, "EndpointConfigName": new["EndpointConfigName"]})
            _wait_until_settled(name)
        return arn, self._attributes(name)

    def delete(self, arn: str, _properties: Properties) -> None:
        """Delete the resource, if it still exists. Raises ApiError if the API refuses."""
        name = store.name_of(self.records, arn)
        if name is not None:
            api.call(f"Delete{self.noun}", {self.name_property: name})

    def requires_replacement(self, old: Properties, new: Properties) -> bool:
        """Return whether a create-only property differs."""
        create_only = (old.keys() | new.keys()) - self._mutable_properties() - {"Tags"}
        return any(old.get(key) != new.get(key) for key in create_only)

    def _mutable_properties(self) -> set[str]:
        return {"EndpointConfigName"} if self.noun == "Endpoint" else set()

    def _attributes(self, name: str) -> dict[str, str]:
        record = self.records[name]
        return {attribute: str(record[attribute]) for attribute in self.attributes}


TYPES = {
    "AWS::SageMaker::Model": ResourceType("Model", store.MODELS, ("ModelName",)),
    "AWS::SageMaker::EndpointConfig": ResourceType("EndpointConfig", store.ENDPOINT_CONFIGS, ("EndpointConfigName",)),
    _ENDPOINT: ResourceType("Endpoint", store.ENDPOINTS, ("EndpointName",)),
    "AWS::SageMaker::ModelPackageGroup": ResourceType(
        "ModelPackageGroup",
        store.MODEL_PACKAGE_GROUPS,
        ("ModelPackageGroupArn", "ModelPackageGroupStatus", "CreationTime"),
    ),
}


def install() -> None:
    """Add the types to the engine's CloudFormation."""
    for name, resource_type in TYPES.items():
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": resource_type.create,
            "update": resource_type.update,
            "update_with_logical_id": True,
            "delete": resource_type.delete,
        }
        provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
        provisioners._CUSTOM_NAME_REPLACEMENT[name] = {
            "name": resource_type.name_property,
            "requires_replacement": resource_type.requires_replacement,
        }
    runs_on_worker_thread = stacks._runs_on_worker_thread
    # Creating an endpoint takes as long as its container takes to start, which must not block the event loop.
    stacks._runs_on_worker_thread = lambda name: name == _ENDPOINT or runs_on_worker_thread(name)


def _replace_tags(arn: str, old: Properties, new: Properties) -> None:
    # Only the template's own tags are removed: others may come from AddTags or the Tagging API.
    replacement: tags.TagList = [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in new.get("Tags", [])]
    with store.LOCK:
        tags.remove(arn, [str(tag["Key"]) for tag in old.get("Tags", [])])
        tags.put(arn, replacement)


def _wait_until_settled(name: str, sleep: Callable[[float], None] = time.sleep) -> None:
    # Ends because every deployment does: with a healthy container, or after its StartupSeconds.
    while (record := store.ENDPOINTS.get(name)) and record["EndpointStatus"] in ("Creating", "Updating"):
        sleep(_POLL_SECONDS)
    if record and record.get("FailureReason"):
        raise ValidationException(record["FailureReason"])
