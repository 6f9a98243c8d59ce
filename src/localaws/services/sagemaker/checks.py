"""Checks beyond the service model: members that an operation requires, and members that are not implemented here."""

from __future__ import annotations

import re
from typing import Any

from localaws.wire import ValidationException


def require(request: dict[str, Any], *paths: str) -> None:
    """Raise ValidationException, with AWS's message, for a dotted path that the request lacks."""
    for path in paths:
        if _member_at(request, path) is None:
            member = ".".join(part[:1].lower() + part[1:] for part in path.split("."))
            raise ValidationException(
                f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
                "Member must not be null"
            )


def refuse(request: dict[str, Any], *paths: str) -> None:
    """Raise ValidationException for a dotted path that the request has but that would be ignored here."""
    for path in paths:
        # Empty and false values are how SDKs spell the default, so they are accepted.
        if _member_at(request, path) not in (None, False, {}, []):
            raise ValidationException(f"{path} is not implemented by this local SageMaker")


def allow(request: dict[str, Any], path: str, *values: object) -> None:
    """Raise ValidationException if the dotted path has a value other than `values`; it may be missing."""
    value = _member_at(request, path)
    if value is not None and value not in values:
        raise ValidationException(f"{path}={value!r} is not implemented by this local SageMaker, only {values[0]!r} is")


def require_valid_regexes(definitions: list[dict[str, str]]) -> None:
    """Raise ValidationException for a metric definition whose Regex does not compile."""
    for definition in definitions:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise ValidationException(f"MetricDefinition {definition['Name']}: invalid Regex: {error}") from error


def _member_at(request: dict[str, Any], path: str) -> object:
    member: object = request
    for part in path.split("."):
        if not isinstance(member, dict):
            return None
        member = member.get(part)
    return member
