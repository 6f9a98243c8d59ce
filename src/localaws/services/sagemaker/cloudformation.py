"""CloudFormation's SageMaker types. `Ref` is the ARN, as on AWS; `Fn::GetAtt` gives the name.

All properties but tags, and an endpoint's configuration, are create-only: another value makes another resource.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ministack.services.cloudformation import provisioners, stacks

from localaws import wire
from localaws.services.sagemaker import api, store, tags
from localaws.services.sagemaker.errors import SageMakerError, ValidationException

_POLL_SECONDS = 0.2
_LONGEST_NAME = 63
_ENDPOINT = "AWS::SageMaker::Endpoint"

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]


class ResourceType(NamedTuple):
    """`noun` is what the operations are called after; `attributes` are for Fn::GetAtt."""

    noun: str
    records: Any
    attributes: tuple[str, ...]

    @property
    def name_property(self) -> str:
        return f"{self.noun}Name"

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        """Raises SageMakerError where the API would."""
        name = properties.get(self.name_property)
        name = name or provisioners._physical_name(stack_name, logical_id, max_len=_LONGEST_NAME)
        operation = f"Create{self.noun}"
        request = {key: value for key, value in properties.items() if key != "Tags"}
        answer = api.call(operation, wire.coerce(operation, {**request, self.name_property: name}))
        arn = answer[f"{self.noun}Arn"]
        _tag(arn, {}, properties)
        if self.noun == "Endpoint":
            try:
                _wait_until_settled(name)
            except SageMakerError:
                # The engine learns of a resource from our answer alone, and rolls back only what it knows of.
                self.delete(arn, properties)
                raise
        return arn, self._attributes(name)

    def update(self, arn: str, old: Properties, new: Properties, stack_name: str, logical_id: str) -> Created:
        name = store.name_of(self.records, arn)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {"Tags"}
        if name is None or changed - ({"EndpointConfigName"} if self.noun == "Endpoint" else set()):
            created: Created = provisioners._seeded_create(self.create, logical_id, new, stack_name)
            provisioners._delete_predecessor(self.delete, arn, old)
            return created
        _tag(arn, old, new)
        if changed:
            api.call("UpdateEndpoint", {"EndpointName": name, "EndpointConfigName": new["EndpointConfigName"]})
            _wait_until_settled(name)
        return arn, self._attributes(name)

    def delete(self, arn: str, _properties: Properties) -> None:
        """Nothing happens where it is gone already."""
        name = store.name_of(self.records, arn)
        if name is not None:
            api.call(f"Delete{self.noun}", {self.name_property: name})

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
    for name, kind in TYPES.items():
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": kind.create,
            "update": kind.update,
            "update_with_logical_id": True,
            "delete": kind.delete,
        }
        provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
        provisioners._CUSTOM_NAME_REPLACEMENT[name] = {
            "name": kind.name_property,
            "requires_replacement": _replaces(name),
        }
    runs_on_worker_thread = stacks._runs_on_worker_thread
    # An endpoint takes as long as its container: not on the event loop.
    stacks._runs_on_worker_thread = lambda name: name == _ENDPOINT or runs_on_worker_thread(name)


def _replaces(name: str) -> Any:
    mutable = {"Tags", "EndpointConfigName"} if name == _ENDPOINT else {"Tags"}

    def replaces(old: Properties, new: Properties) -> bool:
        return any(old.get(key) != new.get(key) for key in (old.keys() | new.keys()) - mutable)

    return replaces


def _tag(arn: str, old: Properties, new: Properties) -> None:
    wanted: tags.TagList = [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in new.get("Tags", [])]
    with store.LOCK:
        tags.remove(arn, [str(tag["Key"]) for tag in old.get("Tags", [])])
        tags.put(arn, wanted)


def _wait_until_settled(name: str) -> None:
    while (record := store.ENDPOINTS.get(name)) and record["EndpointStatus"] in ("Creating", "Updating"):
        time.sleep(_POLL_SECONDS)
    if record and record.get("FailureReason"):
        raise ValidationException(record["FailureReason"])
