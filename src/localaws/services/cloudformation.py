"""CloudFormation's maps of strings as on AWS: a number or a boolean in one becomes a string.

ministack keeps the number, and a function whose environment holds a number cannot start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services.cloudformation import provisioners

# Resource type -> the path of its property that is a map of strings.
_MAPS = {
    "AWS::Lambda::Function": ("Environment", "Variables"),
    "AWS::StepFunctions::StateMachine": ("DefinitionSubstitutions",),
}

Properties = dict[str, Any]


def install() -> None:
    """Wrap ministack's handlers of the resource types that have such maps."""
    for kind, path in _MAPS.items():
        engine = dict(provisioners._RESOURCE_HANDLERS[kind])
        provisioners._RESOURCE_HANDLERS[kind] = {**engine, **_converting(engine, path)}


def _converting(engine: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Callable[..., object]]:
    def create(logical_id: str, properties: Properties, stack: str) -> object:
        return engine["create"](logical_id, with_strings(properties, path), stack)

    def update(name: str, old: Properties, new: Properties, stack: str, logical_id: str) -> object:
        return engine["update"](name, old, with_strings(new, path), stack, logical_id)

    return {"create": create, "update": update}


def with_strings(properties: Mapping[str, Any], path: tuple[str, ...]) -> Properties:
    """Return a copy of the properties in which the map at `path`, if there is one, holds strings."""
    name, *below = path
    inner = properties.get(name)
    if not isinstance(inner, dict):
        return dict(properties)
    if below:
        return {**properties, name: with_strings(inner, tuple(below))}
    return {**properties, name: {key: _string(value) for key, value in inner.items()}}


def _string(value: object) -> object:
    # JSON's spelling is CloudFormation's: true rather than Python's True.
    return json.dumps(value) if isinstance(value, bool | int | float) else value
