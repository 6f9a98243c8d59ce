"""SageMaker's wire format, from botocore's own service model: requests are checked and answers shaped by it.

Checks what the model says (members, types, lengths, ranges, patterns, enumerations) with AWS's texts. What the service
demands beyond its model is checked by each operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from localaws.services.sagemaker.errors import SerializationException, ValidationException

_TYPES: dict[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def operation(name: str) -> OperationModel:
    return service_model().operation_model(name)


def validate(name: str, params: dict[str, Any]) -> None:
    """Check a request against the model.

    Raises SerializationException for a wrong type and ValidationException, in AWS's words, for anything else.
    """
    shape = operation(name).input_shape
    found = list(_violations(shape, params, "")) if shape else []
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise ValidationException(f"{len(found)} validation {errors} detected: {'; '.join(found)}")


def shape_answer(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Keep the members that the operation's answer has; timestamps stay seconds since the epoch."""
    shape = operation(name).output_shape
    shaped: dict[str, Any] = _shaped(shape, answer) if shape else {}
    return shaped


def map_timestamps(name: str, answer: dict[str, Any], convert: Any) -> dict[str, Any]:
    """A copy of a shaped answer with `convert` applied to every timestamp."""
    mapped: dict[str, Any] = _mapped(operation(name).output_shape, answer, convert)
    return mapped


def coerce(name: str, params: dict[str, Any]) -> dict[str, Any]:
    """A request with numbers and booleans that came as strings, as CloudFormation gives them, in their own types."""
    coerced: dict[str, Any] = _coerced(operation(name).input_shape, params)
    return coerced


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    expected = _TYPES.get(shape.type_name, object)
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise SerializationException(
            f"{type(value).__name__} value at '{path}' can not be converted to {shape.type_name}"
        )
    if shape.type_name == "structure":
        yield from _structure_violations(shape, value, path)
        return
    broken = _constraint(shape, value)
    if broken:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {broken}"
    elif shape.type_name == "list":
        for index, member in enumerate(value, 1):
            yield from _violations(shape.member, member, f"{path}.{index}.member")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _violations(shape.key, key, f"{path}.key")
            yield from _violations(shape.value, member, f"{path}.{key}.member")


def _structure_violations(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in value.items():
        if name not in shape.members:
            yield f"Value at '{_join(path, name)}' failed to satisfy constraint: Member must be known to the service"
        elif member is not None:
            yield from _violations(shape.members[name], member, _join(path, name))


def _join(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _constraint(shape: Shape, value: Any) -> str | None:
    """The constraint that a string, a number or the size of a collection breaks, in AWS's words."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    sized = isinstance(value, (str, list, dict))
    size = len(value) if sized else value
    ordered = "length " if isinstance(value, str) else "size " if sized else "value "
    if least is not None and isinstance(size, (int, float)) and size < least:
        return f"Member must have {ordered}greater than or equal to {least}"
    if most is not None and isinstance(size, (int, float)) and size > most:
        return f"Member must have {ordered}less than or equal to {most}"
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern and isinstance(value, str) else None
    if compiled and not compiled.fullmatch(value):
        return f"Member must satisfy regular expression pattern: {pattern}"
    return None


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Java's \p{...} classes: they only keep unprintable characters out of tags and descriptions.
        return None


def _shaped(shape: Shape, value: Any) -> Any:
    if shape.type_name == "structure":
        return {
            name: _shaped(shape.members[name], member)
            for name, member in value.items()
            if name in shape.members and member is not None
        }
    if shape.type_name == "list":
        return [_shaped(shape.member, member) for member in value]
    return value


def _mapped(shape: Shape | None, value: Any, convert: Any) -> Any:
    if shape is None:
        return value
    if shape.type_name == "structure":
        return {name: _mapped(shape.members[name], member, convert) for name, member in value.items()}
    if shape.type_name == "list":
        return [_mapped(shape.member, member, convert) for member in value]
    return convert(value) if shape.type_name == "timestamp" else value


def _coerced(shape: Shape | None, value: Any) -> Any:
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: _coerced(shape.members.get(name), member) for name, member in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_coerced(shape.member, member) for member in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _coerced(shape.value, member) for key, member in value.items()}
    return _scalar(shape.type_name, value)


def _scalar(type_name: str, value: Any) -> Any:
    if type_name == "string" and isinstance(value, (int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        return value
    try:
        if type_name in ("integer", "long"):
            return int(value)
        if type_name in ("float", "double"):
            return float(value)
    except ValueError:
        return value
    if type_name == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
