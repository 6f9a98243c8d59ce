"""What an operation demands beyond the service model: members that must be there, and those that do nothing here."""

from __future__ import annotations

import re
from typing import Any

from localaws.services.sagemaker.errors import ValidationException


def require(request: dict[str, Any], *paths: str) -> None:
    """Raises ValidationException for a dotted path that the request lacks."""
    for path in paths:
        if _at(request, path) is None:
            member = ".".join(part[:1].lower() + part[1:] for part in path.split("."))
            raise ValidationException(
                f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
                "Member must not be null"
            )


def refuse(request: dict[str, Any], *paths: str) -> None:
    """Raises ValidationException for a dotted path that the request has, but that would be ignored here."""
    for path in paths:
        if _at(request, path) not in (None, False, {}, []):
            raise ValidationException(f"{path} is not implemented by this local SageMaker")


def allow(request: dict[str, Any], path: str, *values: object) -> None:
    """Raises ValidationException where the path has another value than `values`; it may be missing."""
    value = _at(request, path)
    if value is not None and value not in values:
        raise ValidationException(f"{path}={value!r} is not implemented by this local SageMaker, only {values[0]!r} is")


def compile_all(definitions: list[dict[str, str]]) -> None:
    """Raises ValidationException for a metric definition whose Regex is none."""
    for definition in definitions:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise ValidationException(f"MetricDefinition {definition['Name']}: invalid Regex: {error}") from error


def _at(request: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(request, dict):
            return None
        request = request.get(part)
    return request
