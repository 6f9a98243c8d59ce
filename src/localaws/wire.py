"""The JSON protocol of AWS's APIs, from botocore's service models: checked requests, shaped answers and error codes.

The checks are those of the model (members, types, lengths, ranges, patterns, enumerations), with AWS's messages. What a
service requires beyond its model is checked by each operation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

Answer = tuple[int, dict[str, str], bytes]
"""HTTP status, headers and body."""

_CONTENT_TYPE = "application/x-amz-json-1.1"
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
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


class ApiError(Exception):
    """The base class of the errors that an API answers with. A class's name is the code that AWS sends."""

    status = 400

    @property
    def code(self) -> str:
        """The error's code on the wire."""
        return type(self).__name__


class ValidationException(ApiError):
    """Raised if a request is malformed or names a resource that does not exist."""


class SerializationException(ApiError):
    """Raised if a body is not a JSON object, or if a member has the wrong type."""


class UnknownOperationException(ApiError):
    """Raised for an operation that the local service does not implement."""


# Cached, because botocore reads a model of several megabytes from disk.
@cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service, such as "sagemaker"."""
    return botocore.session.get_session().get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel:
    """Return botocore's model of an operation. Raises OperationNotFoundError if the service does not have it."""
    return service_model(service).operation_model(operation)


def parse(body: bytes) -> dict[str, Any]:
    """Return the request in a body; an empty body is an empty request. Raises SerializationException for other JSON."""
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"The request body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise SerializationException("The request body is not a JSON object")
    return request


def drop_nulls(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request without its top-level nulls, which mean the same as missing members."""
    return {name: value for name, value in request.items() if value is not None}


def validate(service: str, operation: str, request: object) -> None:
    """Check a request against the model.

    Raises SerializationException if a member has the wrong type, and ValidationException, with AWS's message, if the
    request violates any other constraint.
    """
    shape = operation_model(service, operation).input_shape
    violations = list(_violations(shape, request, "")) if shape else []
    if violations:
        errors = "error" if len(violations) == 1 else "errors"
        raise ValidationException(f"{len(violations)} validation {errors} detected: {'; '.join(violations)}")


def shape_answer(service: str, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the members of `answer` that the operation's output has; timestamps stay seconds since the epoch."""
    shape = operation_model(service, operation).output_shape
    return _shape_structure(shape, answer) if shape else {}


def map_timestamps(
    service: str, operation: str, answer: dict[str, Any], convert: Callable[[float], object]
) -> dict[str, Any]:
    """Return a copy of a shaped answer with `convert` applied to every timestamp, in seconds since the epoch."""
    shape = operation_model(service, operation).output_shape
    mapped = _map_timestamps(shape, answer, convert)
    return mapped if isinstance(mapped, dict) else answer


def coerce(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a request with scalars in the model's types, as CloudFormation passes numbers as strings."""
    shape = operation_model(service, operation).input_shape
    # A member that the model does not have is left as it is, for `validate` to report.
    coerced = _coerce(shape, request)
    return coerced if isinstance(coerced, dict) else request


def json_answer(answer: dict[str, Any]) -> Answer:
    """Return the HTTP answer of an operation that succeeded."""
    return 200, {"content-type": _CONTENT_TYPE}, json.dumps(answer).encode()


def error_answer(error: ApiError) -> Answer:
    """Return the HTTP answer of an operation that failed."""
    body = json.dumps({"__type": error.code, "message": str(error)}).encode()
    return error.status, {"content-type": _CONTENT_TYPE, "x-amzn-errortype": error.code}, body


def _violations(shape: Shape, value: object, path: str) -> Iterator[str]:
    _require_type(shape, value, path)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _structure_violations(shape, value, path)
        return
    constraint = _violated_constraint(shape, value)
    if constraint:
        # AWS names one constraint per member, and does not look into a collection whose size is wrong.
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for position, member in enumerate(value, 1):
            yield from _violations(shape.member, member, f"{path}.{position}.member")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, member in value.items():
            yield from _violations(shape.key, key, f"{path}.key")
            yield from _violations(shape.value, member, f"{path}.{key}.member")


def _require_type(shape: Shape, value: object, path: str) -> None:
    expected = _PYTHON_TYPES.get(shape.type_name, object)
    # A bool is an int in Python, but not in JSON.
    is_misplaced_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if is_misplaced_bool or not isinstance(value, expected):
        raise SerializationException(
            f"{type(value).__name__} value at '{path}' can not be converted to {shape.type_name}"
        )


def _structure_violations(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in value.items():
        if name not in shape.members:
            yield f"Value at '{_join(path, name)}' failed to satisfy constraint: Member must be known to the service"
        elif member is not None:
            yield from _violations(shape.members[name], member, _join(path, name))


def _join(path: str, name: str) -> str:
    # AWS's messages write members as in Java: `productionVariants.1.member.modelName`.
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _violated_constraint(shape: Shape, value: object) -> str | None:
    """Return the constraint that a string, a number or the size of a collection violates, with AWS's text."""
    return _violated_range(shape, value) or _violated_text_constraint(shape, value)


def _violated_range(shape: Shape, value: object) -> str | None:
    if isinstance(value, str):
        quantity = "length"
        size = float(len(value))
    elif isinstance(value, list | dict):
        quantity = "size"
        size = float(len(value))
    elif isinstance(value, int | float):
        quantity = "value"
        size = value
    else:
        return None
    minimum = shape.metadata.get("min")
    maximum = shape.metadata.get("max")
    if minimum is not None and size < minimum:
        return f"Member must have {quantity} greater than or equal to {minimum}"
    if maximum is not None and size > maximum:
        return f"Member must have {quantity} less than or equal to {maximum}"
    return None


def _violated_text_constraint(shape: Shape, value: object) -> str | None:
    if not isinstance(value, str):
        return None
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    compiled = _compile(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        return f"Member must satisfy regular expression pattern: {pattern}"
    return None


@cache
def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Java's \p{...} classes, which Python lacks. They only exclude unprintable characters from free text.
        return None


def _shape_structure(shape: StructureShape, value: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _shape(shape.members[name], member)
        for name, member in value.items()
        if name in shape.members and member is not None
    }


def _shape(shape: Shape, value: object) -> object:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return _shape_structure(shape, value)
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_shape(shape.member, member) for member in value]
    return value


def _map_timestamps(shape: Shape | None, value: object, convert: Callable[[float], object]) -> object:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: _map_timestamps(shape.members[name], member, convert) for name, member in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_map_timestamps(shape.member, member, convert) for member in value]
    is_timestamp = shape is not None and shape.type_name == "timestamp"
    return convert(value) if is_timestamp and isinstance(value, int | float) else value


def _coerce(shape: Shape | None, value: object) -> object:
    if shape is None:
        return value
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: _coerce(shape.members.get(name), member) for name, member in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_coerce(shape.member, member) for member in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _coerce(shape.value, member) for key, member in value.items()}
    return _coerce_scalar(shape.type_name, value)


def _coerce_scalar(type_name: str, value: object) -> object:
    if type_name == "string" and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, str):
        return value
    try:
        if type_name in ("integer", "long"):
            return int(value)
        if type_name in ("float", "double"):
            return float(value)
    except ValueError:
        # Left as it is: validation then reports the wrong type.
        return value
    if type_name == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
