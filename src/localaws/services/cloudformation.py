"""CloudFormation's maps of texts as AWS has them: a number or a truth value in one becomes its text.

The engine keeps it as it is, and a function whose environment holds a number cannot start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import provisioners

_MAPS = {
    "AWS::Lambda::Function": ("Environment", "Variables"),
    "AWS::StepFunctions::StateMachine": ("DefinitionSubstitutions",),
}


def install() -> None:
    """Put the conversion before the engine's own handlers."""
    for kind, path in _MAPS.items():
        engine = dict(provisioners._RESOURCE_HANDLERS[kind])
        provisioners._RESOURCE_HANDLERS[kind] = {**engine, **_converting(engine, path)}


def _converting(engine: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    def create(logical_id: str, props: dict[str, Any], stack: str) -> Any:
        return engine["create"](logical_id, _with_texts(props, path), stack)

    def update(name: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str) -> Any:
        return engine["update"](name, old, _with_texts(new, path), stack, logical_id)

    return {"create": create, "update": update}


def _with_texts(props: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Return the properties with the map at `path`, where there is one, holding texts."""
    name, *below = path
    if not isinstance(found := props.get(name), dict):
        return dict(props)
    if below:
        return {**props, name: _with_texts(found, tuple(below))}
    return {**props, name: {key: _text(value) for key, value in found.items()}}


def _text(value: object) -> object:
    return json.dumps(value) if isinstance(value, bool | int | float) else value
